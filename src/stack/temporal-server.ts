import { artifacts } from './artifacts.js';
import type { StackHome } from './home.js';
import type { ProcessSpec } from './managed-process.js';
import { listens } from './reachable.js';
import { serverEnvironment } from './server-environment.js';

export function temporalProcess(
  home: StackHome,
  program: string,
  ports: { temporal: number; temporalUi: number },
): ProcessSpec {
  return {
    name: 'temporal',
    command: program,
    args: [
      'server',
      'start-dev',
      '--ip',
      '127.0.0.1',
      '--port',
      String(ports.temporal),
      '--ui-port',
      String(ports.temporalUi),
      '--db-filename',
      home.path('temporal.db'),
      '--log-level',
      'warn',
    ],
    env: { ...serverEnvironment(), HOME: home.folder },
    port: ports.temporal,
    version: artifacts.temporal.version,
    stopSignal: 'SIGTERM',
    ready: async () => (await listens(ports.temporal)) && (await listens(ports.temporalUi)),
  };
}
