import proto from '@temporalio/proto';
import type { NativeConnection } from '@temporalio/worker';
import { Failure } from '../base/failures.js';
import { searchAttributeNames } from '../domain/search-attributes.js';

/** Makes sure the namespace knows the attributes; a plan that upserts an unknown one would never get on. */
export async function registerSearchAttributes(connection: NativeConnection, namespace: string): Promise<void> {
  try {
    const known = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = searchAttributeNames.filter((name) => !Object.hasOwn(known.customAttributes ?? {}, name));
    if (missing.length === 0) return;
    const keyword = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, keyword])),
    });
  } catch (error) {
    throw new Failure(
      'temporal_unreachable',
      `The Temporal server did not take the search attributes ${searchAttributeNames.join(', ')}.`,
      {
        hint: 'Add them by hand as searchAttributeNames with `temporal operator search-attribute create`, or give the worker that right.',
        cause: error,
      },
    );
  }
}
