import proto from '@temporalio/proto';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { searchAttributeNames } from '../../src/domain/search-attributes.js';

/** Makes the attributes of plans known to the time-skipping server, which knows this one of the operator's calls alone. */
export async function addSearchAttributes(environment: TestWorkflowEnvironment): Promise<void> {
  const keyword = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
  await environment.connection.operatorService.addSearchAttributes({
    namespace: environment.client.options.namespace,
    searchAttributes: Object.fromEntries(searchAttributeNames.map((name) => [name, keyword])),
  });
}
