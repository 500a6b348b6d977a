import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import pino from 'pino';
import { createHopTokens } from '../../auth/hop-tokens.js';
import { loadSecretsOrExit } from '../../auth/token-secrets.js';
import { createTokenVerifier } from '../../auth/tokens.js';
import { createUserTokenVerifier } from '../../auth/user-tokens.js';
import { packageVersion } from '../../base/package-root.js';
import { configureOrExit, refuseToStart } from '../../config/configuration.js';
import { legacyUrlsOf } from '../../config/legacy-urls.js';
import { cubeDefinitions, trafficNames } from '../../domain/cubes.js';
import { uploadBodyBytes, uploadLimitsOf } from '../../domain/paperwork/upload.js';
import { ownedByLegacy } from '../../domain/traffic/routing.js';
import { ownUrl } from '../../http/own-url.js';
import { connectConfiguredRedis } from '../../redis/connection.js';
import { countSharedRequests } from '../../redis/scripts/count-requests.js';
import { admittedInstances } from '../../registry/admitted-instances.js';
import { type NewInstance, readActiveVersion, readInstances, registerInstance } from '../../registry/instances.js';
import { reportSecrets } from '../../registry/known-secrets.js';
import { pathOf } from '../../state/files.js';
import { clearFailedUsers, recordFailedUsers } from '../../traffic/failed-users.js';
import { createFlagWatcher } from '../../traffic/flag-watcher.js';
import { createHoldWatch } from '../../traffic/hold-watch.js';
import { readShadowRules } from '../../traffic/shadow-rules.js';
import { createInstanceSource } from '../../upstream/instance-source.js';
import { type CountedBy, RateLimit } from './admission/rate-limits.js';
import { gatewayLimits } from './context.js';
import { InFlightCounter } from './observation/in-flight-counter.js';
import { createGateway } from './server.js';

/** Entry point of the gateway. */
const cubeId = 'api-gateway-cube';
const config = configureOrExit([cubeId]);
const instanceId = config.INSTANCE_ID === '' ? randomUUID() : config.INSTANCE_ID;
const version = config.CUBE_VERSION === '' ? packageVersion() : config.CUBE_VERSION;
const log = pino({ name: cubeId, level: config.LOG_LEVEL, base: { instance_id: instanceId } });
const clock = () => new Date();
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

const secrets = loadSecretsOrExit(config, clock, (sentence) => log.error(sentence));
const userTokens = createUserTokenVerifier(secrets.user, clock);
const cubeTokens = createTokenVerifier(secrets.cube, clock);
secrets.onChange(({ cube, user }) => {
  cubeTokens.useSecrets(cube);
  userTokens.useSecrets(user);
});
const redis = connectConfiguredRedis(config, {
  onError: () => undefined,
  onStranger: (sentence) => log.error(sentence),
});
const flags = createFlagWatcher({
  redis,
  names: trafficNames,
  instanceId,
  // All gateways of a machine share it: a gateway that starts without Redis uses the flags that another one saved.
  snapshotFile: pathOf(config.STATE_DIR, 'trafficFlags'),
  killSwitchFolder: pathOf(config.STATE_DIR, 'killSwitches'),
  onAlarm: (sentence) => log.error(sentence),
  clock,
});
const rules = await readShadowRules(pathOf(config.STATE_DIR, 'shadowRules')).catch(refuseToStart);
const inFlight = new InFlightCounter();
const holds = createHoldWatch({
  redis,
  names: trafficNames,
  instanceId,
  whenDrained: (name, scope) => inFlight.whenDrained(name, scope),
});
const served = cubeDefinitions.filter(({ prefix }) => prefix !== null).map((definition) => definition.cubeId);
const { admits } = admittedInstances(config.INSTANCE_NETWORKS, secrets, (sentence) => log.error(sentence));
const instances = createInstanceSource({
  cubeIds: served,
  read: (id) => readInstances(redis, id, admits),
  readVersion: (id) => readActiveVersion(redis, id),
  onError: () => undefined,
});
const gateway = createGateway({
  instanceId,
  version,
  limits: {
    ...gatewayLimits,
    windowMillis: config.GATEWAY_WINDOW_SECONDS * 1000,
    uploadBytes: uploadBodyBytes(uploadLimitsOf(config.PAPERWORK_FILE_MIB)),
    maxTunnels: config.GATEWAY_TUNNELS,
    maxTunnelsPerClient: config.GATEWAY_TUNNELS_PER_CLIENT,
  },
  flags,
  holds,
  inFlight,
  instances,
  legacyUrls: legacyUrlsOf(config),
  // Until a cutover can change it.
  ownershipOf: () => ownedByLegacy,
  trustedEdges: config.TRUSTED_EDGES,
  rateLimits: {
    address: rateLimit('address', config.GATEWAY_ADDRESS_RATE_PER_SECOND),
    subject: rateLimit('subject', config.GATEWAY_RATE_PER_SECOND),
  },
  failures: {
    record: (label, side, users) => recordFailedUsers(redis, label, side, users, clock().getTime()),
    clear: (label) => clearFailedUsers(redis, label),
  },
  userTokens,
  cubeTokens,
  hopToken: createHopTokens(cubeId, () => secrets.cube.current, clock),
  ...(config.GATEWAY_SHADOW ? { shadow: { rules } } : {}),
  log,
});

// Instances and flags are known before the first request.
await Promise.all([flags.start(), instances.start(), holds.start()]);
gateway.server.listen(config.CUBE_PORT, config.CUBE_HOST);
await once(gateway.server, 'listening');
const self: NewInstance = {
  cube_id: cubeId,
  instance_id: instanceId,
  url: config.CUBE_URL === '' ? ownUrl(gateway.server) : config.CUBE_URL,
  version,
  state: 'ready',
  started_at: Date.now(),
};
const registration = registerInstance(redis, self, { secret: () => secrets.cube.current });
const stopReporting = reportSecrets(redis, `${cubeId}/${instanceId}`, () => secrets.fingerprints());
log.info({ address: gateway.server.address() }, 'gateway listens');
if (!stop.signal.aborted) await once(stop.signal, 'abort');
await registration.setState('draining');
await gateway.close();
secrets.close();
await Promise.all([registration.close(), stopReporting()]);
instances.close();
await Promise.all([flags.close(), holds.close()]);
redis.disconnect();

/** Null without a limit. */
function rateLimit(by: CountedBy, perSecond: number): RateLimit | null {
  if (perSecond === 0) return null;
  return new RateLimit({
    by,
    rate: { perSecond, burst: 4 * perSecond },
    countShared: (bucket, rate, count) => countSharedRequests(redis, bucket, rate, count),
    now: () => performance.now(),
  });
}
