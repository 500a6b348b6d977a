import type { StackHome } from './home.js';
import type { ProcessSpec } from './managed-process.js';
import { listens } from './reachable.js';
import { serverEnvironment } from './server-environment.js';

export function redisProcess(home: StackHome, program: string, port: number): ProcessSpec {
  return {
    name: 'redis',
    command: program,
    args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', home.folder, '--appendonly', 'yes', '--save', ''],
    env: serverEnvironment(),
    port,
    version: '8.2',
    stopSignal: 'SIGTERM',
    ready: () => listens(port),
  };
}
