import { packageVersion } from '../../base/package-root.js';
import type { StackHome } from '../../state/home.js';
import { readKey, temporalKeys } from '../../state/temporal-keys.js';
import { artifacts } from '../downloads/artifacts.js';
import type { ProcessSpec } from '../programs/managed-process.js';
import { isReady, programFile } from '../programs/program-process.js';
import { answersAsOurs, refuseStranger } from '../servers/port-holder.js';
import { listens } from '../servers/reachable.js';
import { serverEnvironment } from '../servers/server-environment.js';
import { innerPorts } from './inner-ports.js';
import { inNetworkOf, inOwnNetwork, isInOtherNetwork, listensInNetworkOf, type NetworkWay } from './network.js';
import { readyPath } from './ui-front.js';
import { uiLink } from './ui-login.js';

interface Ports {
  readonly temporal: number;
  readonly temporalUi: number;
}

/** The server on the machine's own loopback address, as it ships: every user of the machine can control it. */
export function openTemporal(home: StackHome, program: string, ports: Ports): readonly ProcessSpec[] {
  const [command, ...args] = serverCommand(home, program, { rpc: ports.temporal, ui: ports.temporalUi });
  return [
    {
      ...serverSpec(home, ports),
      command,
      args,
      ready: async (pid) =>
        !isInOtherNetwork(pid) &&
        (await answersAsOurs(ports.temporal, () => listens(ports.temporal))) &&
        (await answersAsOurs(ports.temporalUi, () => listens(ports.temporalUi))),
      check: () => refuseStrangers(ports),
    },
  ];
}

/**
 * The server with all its ports in a network of its own, and the front that leads there: gRPC over mutual TLS, the Web UI
 * behind a login. The server's process comes first; the front waits for it by itself.
 */
export function closedTemporal(
  home: StackHome,
  program: string,
  ports: Ports,
  way: NetworkWay,
): readonly ProcessSpec[] {
  const words = { server: home.fileOf('temporalServer'), front: home.fileOf('temporalFront') };
  const [command = program, ...args] = inOwnNetwork(way, words, serverCommand(home, program, innerPorts));
  const front = ['--enable-source-maps', programFile('src/stack/temporal/front.js')];
  const [frontCommand = '', ...frontArgs] = inNetworkOf(
    words,
    [ports.temporal, ports.temporalUi],
    [process.execPath, ...front],
  );
  return [
    {
      ...serverSpec(home, ports),
      command,
      args,
      ready: async (pid) => isInOtherNetwork(pid) && listensInNetworkOf(pid, Object.values(innerPorts)),
    },
    {
      name: 'temporal-front',
      command: frontCommand,
      args: frontArgs,
      env: {
        ...serverEnvironment(),
        FRONT_KEYS: keysFolder(home),
        FRONT_UI_PORT: String(ports.temporalUi),
        FRONT_WORDS: JSON.stringify(words),
      },
      port: ports.temporalUi,
      version: packageVersion(),
      stopSignal: 'SIGTERM',
      ready: () => answersAsOurs(ports.temporal, () => isReady(`http://127.0.0.1:${ports.temporalUi}`, readyPath)),
      check: () => refuseStrangers(ports),
    },
  ];
}

async function refuseStrangers(ports: Ports): Promise<void> {
  await refuseStranger(ports.temporal);
  await refuseStranger(ports.temporalUi);
}

/** Where the keys of a stack's closed Temporal are. */
export function keysFolder(home: StackHome): string {
  return home.fileOf('temporalKeys');
}

/** What a client of the closed server needs to know in addition to its address. */
export function closedTemporalVariables(home: StackHome, ports: Ports): Readonly<Record<string, string>> {
  const keys = temporalKeys(keysFolder(home));
  return {
    TEMPORAL_TLS: 'on',
    TEMPORAL_TLS_CA: keys.authority,
    TEMPORAL_TLS_CERT: keys.clientCertificate,
    TEMPORAL_TLS_KEY: keys.clientKey,
    TEMPORAL_UI_URL: uiLink(ports.temporalUi, readKey(keys, 'uiSecret').toString('utf8')),
  };
}

function serverSpec(home: StackHome, ports: Ports) {
  return {
    name: 'temporal',
    env: { ...serverEnvironment(), HOME: home.folder },
    port: ports.temporal,
    version: artifacts.temporal.version,
    stopSignal: 'SIGTERM',
  } as const;
}

function serverCommand(
  home: StackHome,
  program: string,
  ports: { readonly rpc: number; readonly ui: number },
): readonly [string, ...string[]] {
  return [
    program,
    'server',
    'start-dev',
    '--ip',
    '127.0.0.1',
    '--port',
    String(ports.rpc),
    '--ui-port',
    String(ports.ui),
    '--ui-disable-news-fetch',
    '--db-filename',
    home.fileOf('temporalDatabase'),
    '--log-level',
    'warn',
  ];
}
