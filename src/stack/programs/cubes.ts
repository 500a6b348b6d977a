import { packageVersion } from '../../base/package-root.js';
import { cubeDefinitions, servedCubes } from '../../domain/cubes.js';
import {
  type DesiredCubes,
  firstDesired,
  mayStop,
  type ObservedInstance,
  type WantedInstance,
  wantedInstances,
} from '../../domain/deployment/desired-cubes.js';
import type { Release } from '../../domain/deployment/releases.js';
import type { StackHome } from '../../state/home.js';
import { choosePort } from '../../state/ports.js';
import { isAlive } from '../../state/process-identity.js';
import { refuseStranger } from '../servers/port-holder.js';
import { ManagedProcess, type ProcessSpec } from './managed-process.js';
import { isReady, programFile } from './program-process.js';
import type { RunCube } from './programs.js';

/** A cube that drains finishes what it has in hand, within the thirty seconds a cube allows itself. */
const drainGrace = 40_000;
/** The status is written at least this often: an older one means that no supervisor runs. */
const writeEveryMillis = 1000;

interface Instance {
  readonly wanted: WantedInstance;
  readonly process: ManagedProcess;
  leaving: 'no' | 'under_way' | 'gone';
  /** Whether a check is in progress: an instance whose answer hangs gets no second one. */
  attending: boolean;
}

/**
 * Brings the running instances of each cube to the desired state in the state folder: starts, restarts what died, stops
 * what is no longer wanted. Never waits for a process in `attend`, so that one that hangs stops no other.
 */
export class CubeSupervisor {
  private readonly instances = new Map<string, Instance>();
  private readonly problems = new Map<string, ObservedInstance>();
  private readonly takenPorts: Set<number>;
  private written = '';
  private writtenAt = 0;

  constructor(
    private readonly home: StackHome,
    /** The environment that a cube's instances run with, apart from the variables of each instance. */
    private readonly envOf: (cubeId: string) => Readonly<Record<string, string | undefined>>,
    private readonly cubes: readonly RunCube[],
    /** Ports that other programs of the stack listen on, or are about to. */
    portsOfOthers: readonly number[],
  ) {
    this.takenPorts = new Set(portsOfOthers);
  }

  /** Keeps the version of this package as a release of each cube, and takes over what an earlier supervisor left. */
  async begin(): Promise<void> {
    for (const cube of this.cubes) this.home.addRelease(packagedRelease(cube));
    const left = new Map(this.home.instances().map((instance) => [instance.instanceId, instance]));
    for (const entry of this.home.processes().filter(isAlive)) {
      const instance = left.get(entry.name);
      if (instance === undefined || entry.port === null) continue;
      const release = this.home.release(instance.cubeId, instance.version);
      if (release === undefined) continue;
      const process = new ManagedProcess(this.specOf(instance, release, entry.port), this.home);
      await process.adopt(entry);
      this.takenPorts.add(entry.port);
      this.instances.set(instance.instanceId, { wanted: instance, process, leaving: 'no', attending: false });
    }
  }

  /** Checks once, and writes what it sees into the state folder. Waits for no process. True when that changed. */
  async attend(): Promise<boolean> {
    const desired = this.desired();
    const wanted = new Map(
      Object.entries(desired)
        .flatMap(([cubeId, cube]) => wantedInstances(cubeId, cube))
        .map((instance) => [instance.instanceId, instance]),
    );
    for (const id of this.problems.keys()) if (!wanted.has(id)) this.problems.delete(id);
    for (const instance of wanted.values()) if (!this.instances.has(instance.instanceId)) await this.bring(instance);
    for (const instance of this.instances.values()) {
      if (instance.leaving === 'gone') this.forget(instance);
      else if (instance.leaving === 'no' && wanted.has(instance.wanted.instanceId)) attend(instance);
      else if (instance.leaving === 'no') this.stopWhenAllowed(instance, desired);
    }
    return this.write();
  }

  /** Whether the version that takes traffic is ready, of every cube. */
  get isServing(): boolean {
    return Object.entries(this.desired()).every(([cubeId, cube]) =>
      this.observed().some((one) => one.cubeId === cubeId && one.version === cube.active && one.state === 'ready'),
    );
  }

  /** What runs, for the list of the stack's processes. */
  get processes(): readonly ManagedProcess[] {
    return [...this.instances.values()].map(({ process }) => process);
  }

  /** Ends all at the same time; each lets finish what it has in hand. */
  async stop(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.stop(drainGrace)));
    this.instances.clear();
    this.home.recordInstances([]);
  }

  private desired(): DesiredCubes {
    const desired = this.home.desiredCubes();
    const usual = this.cubes.map(({ cubeId }) => [cubeId, firstDesired(packageVersion())] as const);
    return { ...Object.fromEntries(usual), ...desired };
  }

  private async bring(wanted: WantedInstance): Promise<void> {
    const release = this.home.release(wanted.cubeId, wanted.version);
    if (release === undefined) {
      const lastEnd = `could not be started: there is no release ${wanted.version}`;
      this.problems.set(wanted.instanceId, { ...wanted, pid: null, port: null, state: 'ended', starts: 0, lastEnd });
      return;
    }
    const usual = this.cubes.find(({ cubeId }) => cubeId === wanted.cubeId)?.port ?? usualPortOf(wanted.cubeId);
    const port = await choosePort(this.takenPorts.has(usual) ? 0 : usual, this.takenPorts);
    this.takenPorts.add(port);
    const process = new ManagedProcess(this.specOf(wanted, release, port), this.home);
    this.instances.set(wanted.instanceId, { wanted, process, leaving: 'no', attending: false });
  }

  private stopWhenAllowed(instance: Instance, desired: DesiredCubes): void {
    const cube = desired[instance.wanted.cubeId];
    if (cube !== undefined && !mayStop(observe(instance), cube, this.observed())) return;
    instance.leaving = 'under_way';
    const gone = () => {
      instance.leaving = 'gone';
    };
    void instance.process.stop(drainGrace).then(gone, gone);
  }

  private forget({ wanted, process }: Instance): void {
    this.instances.delete(wanted.instanceId);
    if (process.spec.port !== null) this.takenPorts.delete(process.spec.port);
  }

  private observed(): readonly ObservedInstance[] {
    return [...[...this.instances.values()].map(observe), ...this.problems.values()];
  }

  private write(): boolean {
    const observed = this.observed();
    const text = JSON.stringify(observed);
    const changed = text !== this.written;
    if (!changed && Date.now() - this.writtenAt < writeEveryMillis) return false;
    this.home.recordInstances(observed);
    this.written = text;
    this.writtenAt = Date.now();
    return changed;
  }

  private specOf(wanted: WantedInstance, release: Release, port: number): ProcessSpec {
    return {
      name: wanted.instanceId,
      command: release.command,
      args: release.args,
      env: {
        ...this.envOf(wanted.cubeId),
        ...release.env,
        CUBE_HOST: '127.0.0.1',
        CUBE_PORT: String(port),
        CUBE_VERSION: wanted.version,
        INSTANCE_ID: wanted.instanceId,
      },
      port,
      version: wanted.version,
      stopSignal: 'SIGTERM',
      ready: () => isReady(`http://127.0.0.1:${port}`),
      check: () => refuseStranger(port),
    };
  }
}

/**
 * Where the cubes that are served now are reached, by their variables (`<CUBE>_URL`): a deployed version listens on
 * another port than the one before.
 */
export function servingCubeUrls(home: StackHome): Readonly<Record<string, string>> {
  const desired = home.desiredCubes();
  return Object.fromEntries(
    home.instances().flatMap(({ cubeId, version, state, port }) => {
      const serving = version === (desired[cubeId] ?? firstDesired(packageVersion())).active && state === 'ready';
      const name = servedCubes.find((cube) => cube.cubeId === cubeId)?.urlVariable;
      return serving && name !== undefined && port !== null ? [[name, `http://127.0.0.1:${port}`]] : [];
    }),
  );
}

/** Starts it when it is not there, and notes when it has become ready. */
function attend(instance: Instance): void {
  if (instance.attending) return;
  instance.attending = true;
  const attended = () => {
    instance.attending = false;
  };
  void instance.process.attend().then(attended, attended);
}

function observe({ wanted, process, leaving }: Instance): ObservedInstance {
  const { cubeId, version, instanceId, slot, generation } = wanted;
  const { entry, starts, lastEnd, spec } = process;
  const alive = entry !== undefined && isAlive(entry);
  const state = leaving !== 'no' ? 'stopping' : alive ? (entry.state === 'ready' ? 'ready' : 'starting') : 'ended';
  const pid = alive ? entry.pid : null;
  return { cubeId, version, instanceId, slot, generation, pid, port: spec.port, state, starts, lastEnd };
}

/** The program of this package as the release that a cube begins with. */
function packagedRelease({ cubeId, entry }: RunCube): Release {
  return {
    cube_id: cubeId,
    version: packageVersion(),
    command: process.execPath,
    args: ['--enable-source-maps', programFile(entry)],
    env: {},
    created_at: new Date().toISOString(),
  };
}

function usualPortOf(cubeId: string): number {
  return cubeDefinitions.find((definition) => definition.cubeId === cubeId)?.port ?? 0;
}
