// Why `npm install` failed, in three sentences: what happened, what is safe, what to type. No dependencies: none is installed yet.
const again = 'then type the same again.';
const safe = 'Nothing was started.';
/** The variables by which npm finds a proxy, in the order in which they count for HTTPS. */
const proxyVariables = ['npm_config_https_proxy', 'https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'];

/**
 * The exit code and the sentences. What npm wrote is not repeated, since it may hold the password of a proxy or of a registry; its log
 * is named where it wrote one.
 */
export function npmFailure({ stderr, code }, folder, environment) {
  const proxy = proxyOf(environment);
  const proxyName = proxy && `the proxy ${proxy.host} that ${proxy.variable} names`;
  const failure = (exitCode, sentence, hint) => ({
    exitCode,
    sentences: [`The packages could not be installed: ${sentence}.`, safe, hint],
  });
  if (code === 'ENOENT') return failure(1, 'there is no npm on the PATH of this machine', `Install npm, ${again}`);
  if (/\bENOSPC\b|no space left/i.test(stderr))
    return failure(1, `the disk of ${folder}, or that of npm's cache, is full`, `Free 2 GB there, ${again}`);
  if (/\b(?:EACCES|EPERM|EROFS)\b/.test(stderr))
    return failure(
      1,
      `npm may not write to ${folder} or to its cache`,
      `Make both your own, as by \`chown -R "$(id -u)" ${folder} ~/.npm\`, ${again}`,
    );
  if (/\b407\b|Proxy Authentication Required/i.test(stderr))
    return failure(
      3,
      `${proxyName ?? 'the proxy'} demands a user and a password, or refused those it was given`,
      `Write them into ${proxy?.variable ?? 'HTTPS_PROXY'}, as in http://USER:PASSWORD@HOST:PORT, ${again}`,
    );
  if (/SELF_SIGNED_CERT|UNABLE_TO_(?:GET_ISSUER|VERIFY)|CERT_HAS_EXPIRED/.test(stderr))
    return failure(
      3,
      'the certificate of the package registry that npm uses is not trusted here',
      `Name the authority that signed it in NODE_EXTRA_CA_CERTS, ${again}`,
    );
  if (/\b(?:ECONN\w+|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)\b|time-?out/i.test(stderr))
    return failure(
      3,
      `the package registry that npm uses cannot be reached${proxyName === undefined ? '' : ` through ${proxyName}`}`,
      proxy === undefined
        ? `See that this machine reaches it, or set HTTPS_PROXY; ${again}`
        : `Correct ${proxy.variable}, or unset it where none is needed; ${again}`,
    );
  const log = /A complete log of this run can be found in: (\S+)/.exec(stderr)?.[1];
  return failure(
    1,
    '`npm install` failed',
    `See ${log === undefined ? 'that `npm install` works here' : `why in npm's log ${log}`}, ${again}`,
  );
}

/** The proxy of the environment, without user and password. */
function proxyOf(environment) {
  const variable = proxyVariables.find((name) => environment[name]);
  if (variable === undefined) return undefined;
  const host = /^(?:[a-z0-9]+:\/\/)?(?:[^@/]*@)?([^@/]+)/i.exec(environment[variable])?.[1];
  return { variable, host: host ?? 'without a host' };
}
