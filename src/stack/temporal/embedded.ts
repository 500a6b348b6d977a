import { Failure } from '../../base/failures.js';
import type { StackHome } from '../../state/home.js';
import type { StackSettings } from '../../state/settings.js';
import type { ProcessSpec } from '../programs/managed-process.js';
import { serverEnvironment } from '../servers/server-environment.js';
import { ensureTemporalKeys } from './certificates.js';
import { findNetworkWay } from './network.js';
import { closedTemporal, closedTemporalVariables, keysFolder, openTemporal } from './server.js';

/**
 * Who may reach the embedded Temporal server: this stack's user alone; that, or everyone with an account on the machine
 * where it cannot be closed; everyone with an account, as the server ships.
 */
export type TemporalAccess = 'closed' | 'closed_if_possible' | 'open';

interface EmbeddedTemporal {
  /** What programs need to know to reach it, in addition to its address. */
  readonly variables: Readonly<Record<string, string>>;
  /** Its processes by the server's program, each ready before the next is started. */
  readonly processes: (program: string) => readonly ProcessSpec[];
}

/**
 * Prepares the embedded server. Throws `configuration_invalid` when it cannot be closed and must be; where it only should
 * be, says so and leaves it open.
 */
export async function embeddedTemporal(
  home: StackHome,
  { ports }: StackSettings,
  access: TemporalAccess,
  log: (text: string) => void,
): Promise<EmbeddedTemporal> {
  const open = { variables: {}, processes: (program: string) => openTemporal(home, program, ports) };
  if (access === 'open') return open;
  const network = await findNetworkWay(serverEnvironment());
  if ('reason' in network) {
    if (network.missing !== undefined) {
      throw new Failure('unexpected', 'Temporal cannot be started: there is no python3 on the PATH of this machine.', {
        safe: 'Nothing was started; what was fetched before is kept.',
        hint: 'Install python3 and python3-pip, then type the same again.',
      });
    }
    const exposed = `Temporal cannot be closed to other users of this machine: no network namespace can be made (${network.reason}). Every local user can control it and read its histories.`;
    if (access === 'closed') {
      throw new Failure('configuration_invalid', exposed, {
        hint: 'Where no other person has an account, start the stack with `--shared-machine`; otherwise allow users to create namespaces, or set TEMPORAL_ADDRESS to a server of your own.',
      });
    }
    log(exposed);
    return open;
  }
  await ensureTemporalKeys(keysFolder(home));
  return {
    variables: closedTemporalVariables(home, ports),
    processes: (program) => closedTemporal(home, program, ports, network.way),
  };
}
