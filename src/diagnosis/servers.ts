import { connect as connectTls } from 'node:tls';
import { Failure, toFailure } from '../base/failures.js';
import { answerMillis, codeOf, probePort, tlsFault } from '../base/network.js';
import { type Environment, readConfiguration, setVariables } from '../config/configuration.js';
import { isS3 } from '../config/storage-place.js';
import { temporalTarget, temporalVariables } from '../config/temporal-address.js';
import type { VariableName } from '../config/variables.js';
import { byServedCube, legacyUrlVariable, servedCubes, trafficNames } from '../domain/cubes.js';
import { probeRedis } from '../redis/probe.js';
import { checkApart, type InspectedDatabase, inspectCube, inspectCubesLegacy, inspectLegacy } from './databases.js';
import { inspectTemporal } from './temporal.js';

/** What the inspection of one variable found. */
export interface ServerFinding {
  readonly name: string;
  /** Whether programs can work with it; null where nothing is set and an embedded default serves. */
  readonly ok: boolean | null;
  /** What is there, or what is wrong, in a sentence. */
  readonly sentence: string;
  /** What to do when it is wrong, or unsafe. */
  readonly remedy: string;
  /** What is unsafe about a server that can be used; empty when nothing is. */
  readonly unsafe: string;
  /** Why it is wrong, as a failure's type. */
  readonly type: Failure['type'] | null;
}

type Inspected = Pick<ServerFinding, 'sentence'> & Partial<Pick<ServerFinding, 'unsafe' | 'remedy'>>;

/** Servers that have an embedded default, and how each is inspected; what an inspection throws is what is wrong. */
const inspections: Readonly<Partial<Record<VariableName, (environment: Environment) => Promise<Inspected>>>> = {
  LEGACY_DATABASE_URL: async (environment) => describe(await inspectLegacy(environment.LEGACY_DATABASE_URL ?? '')),
  CUBE_DATABASE_URL: async (environment) => {
    const { LEGACY_DATABASE_URL: legacy, CUBE_DATABASE_URL: cube = '' } = environment;
    const bothSides = legacy && isRight(environment, 'LEGACY_DATABASE_URL') ? checkApart(legacy, cube) : undefined;
    // What keeps the two from being compared is said of the one that it is wrong with.
    bothSides?.catch(() => undefined);
    const inspected = await inspectCube(cube);
    await bothSides?.catch((error: unknown) => {
      if (toFailure(error).type === 'configuration_invalid') throw error;
    });
    return describe(inspected);
  },
  ...byServedCube(
    ({ legacyDatabaseVariable }) => legacyDatabaseVariable,
    (cube) => async (environment: Environment) =>
      describe(await inspectCubesLegacy(cube, environment[cube.legacyDatabaseVariable] ?? '')),
  ),
  REDIS_URL: async (environment) => {
    const { REDIS_URL, REDIS_SERVER_UID } = readConfiguration(environment, ['REDIS_URL', 'REDIS_SERVER_UID']);
    return { sentence: `Redis ${await probeRedis(REDIS_URL, REDIS_SERVER_UID)} answers` };
  },
  TEMPORAL_ADDRESS: async (environment) => {
    const config = readConfiguration(environment, temporalVariables);
    await inspectTemporal(temporalTarget(config), config.TEMPORAL_NAMESPACE);
    return { sentence: `Temporal answers, with namespace ${config.TEMPORAL_NAMESPACE}` };
  },
};

/** Services that are called by HTTP: inspected as far as the handshake. */
const serviceVariables: readonly VariableName[] = [
  ...trafficNames.map(legacyUrlVariable),
  'PROMETHEUS_URL',
  'ESCALATION_WEBHOOK_URL',
];

/**
 * Looks at every variable that is set and at every server that one names, all at the same time, and changes nothing. What is
 * wrong is there within two seconds; only a server that accepts and says nothing is given four.
 */
export async function inspectConfiguration(environment: Environment): Promise<readonly ServerFinding[]> {
  const wrong = setVariables(environment).filter((name) => !isRight(environment, name));
  // It has no embedded default; what speaks to it is loaded only where there is one.
  const hasS3 = isS3(environment.CUBE_STORAGE_URL);
  const inspected = await Promise.all([
    ...(hasS3
      ? [
          inspect(environment, 'CUBE_STORAGE_URL', async () =>
            (await import('./storage.js')).inspectStorage(environment),
          ),
        ]
      : []),
    ...Object.entries(inspections).map(([name, inspection]) =>
      environment[name]
        ? inspect(environment, name as VariableName, () => inspection(environment))
        : notSet(name, environment),
    ),
    ...serviceVariables
      .filter((name) => environment[name])
      .map((name) => inspect(environment, name, () => inspectService(name, environment[name] ?? ''))),
    ...wrong
      .filter((name) => !(name in inspections) && !serviceVariables.some((service) => service === name))
      .filter((name) => !(hasS3 && name === 'CUBE_STORAGE_URL'))
      .map((name) => inspect(environment, name, async () => ({ sentence: '' }))),
  ]);
  return inspected;
}

/** The servers of the caller's own, as `inspectConfiguration` inspects them; throws what is wrong with any, all at once. */
export async function checkServers(environment: Environment): Promise<void> {
  const wrong = (await inspectConfiguration(environment)).filter(
    ({ ok, name }) => ok === false && (name in inspections || name === 'CUBE_STORAGE_URL'),
  );
  const [first, ...others] = wrong;
  if (first === undefined) return;
  const last = others.at(-1) ?? first;
  const lines = wrong.flatMap((one) => (one === last ? [one.sentence] : [one.sentence, one.remedy]));
  throw new Failure(worst(wrong) ?? 'unexpected', lines.join('\n'), { hint: last.remedy });
}

/** The type that says most of what is wrong: a server that is away before a variable that is wrong, and that before the rest. */
export function worst(findings: readonly ServerFinding[]): Failure['type'] | undefined {
  const types = findings.flatMap(({ type }) => type ?? []);
  return (
    types.find((type) => type.endsWith('_unreachable')) ??
    types.find((type) => type === 'configuration_invalid') ??
    types[0]
  );
}

function isRight(environment: Environment, name: VariableName): boolean {
  try {
    readConfiguration(environment, [name]);
    return true;
  } catch {
    return false;
  }
}

async function inspect(
  environment: Environment,
  name: VariableName,
  inspection: () => Promise<Inspected>,
): Promise<ServerFinding> {
  try {
    readConfiguration(environment, [name]);
    return { name, ok: true, remedy: '', unsafe: '', ...(await inspection()), type: null };
  } catch (error) {
    const failure = toFailure(error);
    const { message, hint } = failure;
    return { name, ok: false, sentence: message, remedy: hint, unsafe: '', type: typeOf(failure) };
  }
}

/** A server that answers and refuses the connection does so because of what the variable says. */
function typeOf({ type, details }: Failure): Failure['type'] {
  return details.refused === 'connection' && !type.endsWith('_unreachable') ? 'configuration_invalid' : type;
}

async function notSet(name: string, environment: Environment): Promise<ServerFinding> {
  const cube = servedCubes.find(({ legacyDatabaseVariable }) => legacyDatabaseVariable === name);
  const sentence =
    cube === undefined
      ? '`cubeshift up` brings a server of its own'
      : environment.LEGACY_DATABASE_URL
        ? `the ${cube.trafficName} cube goes to legacy with the role of LEGACY_DATABASE_URL`
        : '`cubeshift up` makes a role of its own';
  return { name, ok: null, sentence, remedy: '', unsafe: '', type: null };
}

function describe({ version, role, database, unsafeLogSettings }: InspectedDatabase): Inspected {
  const sentence = `PostgreSQL ${version} answers, database ${database}, role ${role}`;
  if (unsafeLogSettings.length === 0) return { sentence };
  const settings = unsafeLogSettings.map(({ name, value }) => `${name} = ${value}`).join(', ');
  const statements = unsafeLogSettings.map(({ name, wanted }) => `ALTER SYSTEM SET ${name} = '${wanted}';`);
  return {
    sentence,
    unsafe: `Its log may hold contents of records: ${settings}.`,
    remedy: `As a superuser there: ${statements.join(' ')} SELECT pg_reload_conf();`,
  };
}

async function inspectService(variable: VariableName, url: string): Promise<Inspected> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[(.+)\]$/, '$1');
  const address = { host, port: Number(port || (protocol === 'https:' ? 443 : 80)), variable };
  const fault = (await probePort(address)) ?? (protocol === 'https:' ? await handshakeFault(address) : undefined);
  if (fault === undefined) return { sentence: `something listens at ${host}:${address.port}` };
  throw new Failure('upstream_unavailable', `The service that ${variable} names cannot be reached: ${fault.reason}.`, {
    hint: fault.remedy,
  });
}

async function handshakeFault(address: { host: string; port: number; variable: string }) {
  const { host, port, variable } = address;
  const error = await new Promise<unknown>((resolve) => {
    const socket = connectTls({ host, port, servername: host, timeout: answerMillis });
    const end = (thrown: unknown) => {
      socket.destroy();
      resolve(thrown);
    };
    socket.once('secureConnect', () => end(undefined));
    socket.once('timeout', () => end(new Error('no answer')));
    socket.once('error', end);
  });
  if (error === undefined) return undefined;
  const settings = {
    ...address,
    nameAuthority: 'NODE_EXTRA_CA_CERTS=FILE',
    nameCertificate: 'a service that wants one cannot be used',
    withoutTls: `http:// in ${variable}`,
  };
  return (
    tlsFault(error, settings) ?? {
      reason: `no TLS connection comes about (${codeOf(error) || 'no answer'})`,
      remedy: `See that it speaks TLS there.`,
    }
  );
}
