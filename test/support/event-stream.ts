import { issueCubeToken } from '../../src/auth/tokens.js';
import { type Engine, testSecret } from './engine.js';

/** What the event stream of a run says from now until an event of this name, as text. */
export async function eventsUntil(engine: Engine, id: string, name: 'rest' | 'end'): Promise<string> {
  const { token } = issueCubeToken(testSecret, { cubeId: 'test', permissions: ['migration:read'] }, new Date());
  const left = new AbortController();
  const response = await fetch(`${engine.url}/v1/migrations/${id}/events`, {
    headers: { authorization: `Bearer ${token}` },
    signal: left.signal,
  });
  const decoder = new TextDecoder();
  let said = '';
  for await (const chunk of response.body ?? []) {
    said += decoder.decode(chunk as Uint8Array, { stream: true });
    if (said.includes(`event: ${name}\n`) && said.endsWith('\n\n')) break;
  }
  left.abort();
  return said;
}
