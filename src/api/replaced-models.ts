import { type Static, Type } from 'typebox';
import { nullable } from './shapes.js';

/** Models that are active in the cube, and that legacy has replaced since they were moved: legacy predicts with its own. */
const replacedModels = Type.Object(
  {
    count: Type.Integer({ minimum: 0 }),
    names: Type.Array(Type.String(), { description: 'the first twenty, shortened' }),
  },
  {
    title: 'ReplacedModels',
    description:
      'active models that legacy has replaced since they were moved, so that requests for them go to legacy; null of a cube without models, and while it is not known',
  },
);
export type ReplacedModels = Static<typeof replacedModels>;
export const replacedModelsSchema = nullable<ReplacedModels>(replacedModels);
