/** Which way arrows point; the picture is in docs/architecture.md. */
const src = (...folders) => `^src/(${folders.join('|')})(/|\\.ts$)`;

/** `from` may import only what `to` lists, of all that is under src. */
function only(name, from, to, comment) {
  return {
    name,
    comment,
    severity: 'error',
    from: { path: from },
    to: { path: '^src/', pathNot: [from, ...to] },
  };
}

const words = ['failures', 'crash-points', 'package-root', 'temporal-target', 'network', 'server-urls'].map((name) =>
  src(name),
);
/** How any database is reached, for those who keep servers up or say what is wrong with one. */
const databaseSessions = '^src/postgres/(connect|server-address|session|log-settings)\\.ts$';
/** What tokens look like: a format, not a service. */
const tokenFormat = '^src/services/(tokens|token-secrets|signed-tokens|user-tokens|request-proofs)\\.ts$';

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, pathNot: ['^src/workflows/index\\.ts$'] }, to: {} },
    {
      name: 'legacy-stands-apart',
      comment: 'The stand-in of the monolith is another program: neither side imports the other.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(legacy|bench|demo|test)/' },
    },
    {
      name: 'legacy-knows-no-engine',
      severity: 'error',
      from: { path: '^legacy/' },
      to: { path: '^(src|bench|demo|test)/' },
    },
    only(
      'domain-is-pure',
      src('domain'),
      [src('failures')],
      'Decisions without I/O: importable from anywhere, importing nothing that acts.',
    ),
    only('failures-stand-alone', src('failures'), [], 'The closed set of failures imports nothing.'),
    only(
      'workflows-decide',
      src('workflows'),
      [src('domain'), src('failures'), src('activities')],
      'Deterministic code.',
    ),
    {
      name: 'workflows-know-activities-by-type',
      severity: 'error',
      from: { path: '^src/workflows/' },
      to: { path: '^src/activities/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'workflows-import-temporal-alone',
      comment: 'Nothing that could read a clock, a file or a socket enters the sandbox.',
      severity: 'error',
      from: { path: '^src/workflows/' },
      to: { path: 'node_modules|^node:', pathNot: 'node_modules/@temporalio/(workflow|common)/' },
    },
    {
      name: 'domain-imports-no-package',
      severity: 'error',
      from: { path: '^src/domain/', pathNot: '^src/domain/saju/' },
      to: { path: 'node_modules|^node:' },
    },
    {
      name: 'saju-imports-calendars-alone',
      comment: 'Two packages that compute and nothing else.',
      severity: 'error',
      from: { path: '^src/domain/saju/' },
      to: { path: 'node_modules|^node:', pathNot: 'node_modules/(manseryeok|korean-lunar-calendar)/' },
    },
    only('postgres-speaks-sql', src('postgres'), [src('domain'), ...words], 'SQL knows rules, and nobody above it.'),
    only('traffic-steers', src('traffic'), [src('domain'), ...words], 'Flags, instances, holds and shadows in Redis.'),
    only('runtime-runs-cubes', src('runtime'), [src('domain', 'traffic'), ...words], 'How instances come and go.'),
    only(
      'diagnosis-looks',
      src('diagnosis'),
      [src('postgres', 'traffic', 'domain', 'config'), ...words],
      'What is wrong with servers and variables, before anything is started.',
    ),
    only('client-stands-alone', src('client'), [], 'Runs in a browser.'),
    only('activities-touch-the-world', src('activities'), [
      src('postgres', 'domain', 'storage', 'models', 'documents', 'crawling', 'traffic', 'runtime'),
      ...words,
    ]),
    only('services-serve', src('services'), [
      src(
        'postgres',
        'storage',
        'models',
        'documents',
        'crawling',
        'traffic',
        'runtime',
        'domain',
        'config',
        'workflows',
      ),
      ...words,
    ]),
    {
      name: 'services-know-workflows-by-type',
      severity: 'error',
      from: { path: '^src/services/' },
      to: { path: '^src/workflows/', dependencyTypesNot: ['type-only'] },
    },
    only('workers-host', src('workers'), [
      src('workflows', 'activities', 'postgres', 'traffic', 'runtime', 'domain', 'config'),
      tokenFormat,
      ...words,
    ]),
    only(
      'stack-starts',
      src('stack'),
      [src('domain', 'diagnosis'), databaseSessions, '^src/postgres/ledger-schema\\.ts$', ...words],
      'Servers and programs; it knows none of what they do. Of the ledger it knows how its owner upgrades it.',
    ),
    {
      name: 'stack-is-the-command-lines',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(cli\\.ts|cli/|stack/)'] },
      to: { path: '^src/(stack|cli)(/|\\.ts$)' },
    },
    only(
      'command-line-calls',
      '^src/cli(/|\\.ts$)',
      [
        src('stack', 'domain', 'diagnosis', 'config'),
        databaseSessions,
        '^src/services/(tokens|token-secrets|report-signature)\\.ts$',
        ...words,
      ],
      'The control API is reached over HTTP only; tokens and report signatures are formats, not services.',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
