/** Published as `cubeshift/client`; independent of the engine. */
export { type CallOptions, type ClientSettings, CubeAPIClient } from './cube-api-client.js';
export { type CallFailure, CubeAPIError, type Problem } from './cube-api-error.js';
export type {
  CallMethod,
  Prediction,
  SajuCalculation,
  SajuChart,
  SajuConvention,
  SajuPage,
  SajuRecord,
} from './routes.js';
