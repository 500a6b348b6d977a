/** Which way arrows point; the picture is in docs/architecture.md. */

/**
 * The floors of the house, lowest first. A folder imports itself and folders of lower floors; folders of one floor do not
 * import each other.
 */
const floors = [
  ['base'],
  ['domain'],
  ['config'],
  ['state'],
  ['redis', 'postgres'],
  ['metrics', 'storage', 'processes'],
  ['registry'],
  ['traffic'],
  ['auth'],
  ['models', 'documents', 'crawler'],
  ['upstream'],
  ['kinds'],
  ['http'],
  ['paperwork'],
  ['runtime'],
  ['activities'],
  ['diagnosis'],
  ['services', 'workers'],
  ['stack'],
  ['cli'],
];
/** Folders off the staircase: what each may import is said one by one below. */
const apart = ['workflows', 'api', 'client'];

const src = (...folders) => `^src/(${folders.join('|')})/`;

const staircase = floors.flatMap((floor, level) =>
  floor.map((folder) => ({
    name: `floor-of-${folder}`,
    comment: 'A file imports its own folder and lower floors.',
    severity: 'error',
    from: { path: src(folder) },
    to: {
      path: '^src/',
      pathNot: [
        src(
          folder,
          ...floors.slice(0, level).flat(),
          // HTTP schemas know the domain alone; whoever speaks HTTP may know them.
          ...(['http', 'services', 'cli'].includes(folder) ? ['api'] : []),
          // Services start plans, workers host them.
          ...(['services', 'workers'].includes(folder) ? ['workflows'] : []),
        ),
      ],
    },
  })),
);

/** `from` may import only what `to` lists, of all that is under src. */
function only(name, from, to, comment) {
  return { name, comment, severity: 'error', from: { path: from }, to: { path: '^src/', pathNot: [from, ...to] } };
}

/** `from` may import `to` by type alone. */
function byType(name, from, to) {
  return { name, severity: 'error', from: { path: from }, to: { path: to, dependencyTypesNot: ['type-only'] } };
}

/** How any database is reached, for those who keep servers up or say what is wrong with one. */
const databaseSessions = '^src/postgres/(connect|diagnosis|server-address|session|log-settings)\\.ts$';

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, pathNot: ['^src/workflows/index\\.ts$', '\\.d\\.ts$'] },
      to: {},
    },
    {
      name: 'every-folder-has-a-floor',
      comment: 'A new folder of src is listed above, or nothing would be said of its arrows.',
      severity: 'error',
      from: { path: '^src/', pathNot: [src(...floors.flat(), ...apart)] },
      to: {},
    },
    {
      name: 'legacy-is-another-program',
      comment: 'The stand-in of the monolith: neither side imports the other.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(legacy|bench|demo|test)/' },
    },
    {
      name: 'legacy-knows-no-engine',
      severity: 'error',
      from: { path: '^legacy/', pathNot: '^legacy/(ai|paperwork)-service(/|\\.ts$)' },
      to: { path: '^(src|bench|demo|test)/' },
    },
    {
      name: 'legacy-shares-the-runtime-of-models',
      comment:
        'Its AI service, which is compared with the cube: the two differ in nothing but the model and its batching.',
      severity: 'error',
      from: { path: '^legacy/ai-service(/|\\.ts$)' },
      to: { path: '^(src|bench|demo|test)/', pathNot: '^src/(models|domain/models)/' },
    },
    {
      name: 'legacy-shares-how-files-are-served',
      comment: 'Its paperwork service, which opens, receives and sends files as the cube does.',
      severity: 'error',
      from: { path: '^legacy/paperwork-service(/|\\.ts$)' },
      to: {
        path: '^(src|bench|demo|test)/',
        pathNot:
          '^src/(domain/paperwork/|documents/|http/content/|storage/(inside-folder|inside-content|write-inside)\\.ts$|base/failures\\.ts$)',
      },
    },
    ...staircase,
    {
      name: 'domain-imports-no-package',
      comment: 'Decisions without I/O: importable from anywhere, importing nothing that acts.',
      severity: 'error',
      from: { path: '^src/domain/', pathNot: '^src/domain/(saju|models/comparison|crawler)/' },
      to: { path: 'node_modules|^node:' },
    },
    {
      name: 'comparison-imports-quantiles-alone',
      comment: 'A package that computes and nothing else.',
      severity: 'error',
      from: { path: '^src/domain/models/comparison/' },
      to: { path: 'node_modules|^node:', pathNot: 'node_modules/jstat/' },
    },
    {
      name: 'crawler-rules-import-addresses-alone',
      comment: 'A package that reads addresses and nothing else.',
      severity: 'error',
      from: { path: '^src/domain/crawler/' },
      to: { path: 'node_modules|^node:', pathNot: 'node_modules/ipaddr\\.js/' },
    },
    {
      name: 'saju-imports-calendars-alone',
      comment: 'Two packages that compute and nothing else.',
      severity: 'error',
      from: { path: '^src/domain/saju/' },
      to: { path: 'node_modules|^node:', pathNot: 'node_modules/(manseryeok|korean-lunar-calendar)/' },
    },
    only('workflows-decide', src('workflows'), [src('base', 'domain', 'activities')], 'Deterministic code.'),
    byType('workflows-know-activities-by-type', src('workflows'), src('activities')),
    {
      name: 'workflows-import-temporal-alone',
      comment: 'Nothing that could read a clock, a file or a socket enters the sandbox.',
      severity: 'error',
      from: { path: '^src/workflows/' },
      to: { path: 'node_modules|^node:', pathNot: 'node_modules/@temporalio/(workflow|common)/' },
    },
    byType('services-know-workflows-by-type', src('services'), src('workflows')),
    {
      name: 'kinds-are-known-to-workers',
      comment: 'API, gateway, cubes and command line know the catalogue and the ledger alone.',
      severity: 'error',
      from: { path: '^src/', pathNot: [src('kinds', 'activities', 'diagnosis', 'workers')] },
      to: { path: src('kinds') },
    },
    {
      name: 'activities-are-known-to-workers',
      severity: 'error',
      from: { path: '^src/', pathNot: [src('activities', 'workers', 'workflows')] },
      to: { path: src('activities') },
    },
    only('api-describes', src('api'), [src('base', 'domain')], 'Schemas of requests and answers, once.'),
    only('client-runs-in-a-browser', src('client'), [src('api')], 'It imports nothing of the engine that acts.'),
    byType('client-knows-api-by-type', src('client'), src('api')),
    {
      name: 'services-are-nobodys-library',
      comment: 'Programs; what they share lies on a lower floor.',
      severity: 'error',
      from: { path: '^src/', pathNot: [src('services')] },
      to: { path: src('services') },
    },
    {
      name: 'stack-is-the-command-lines',
      severity: 'error',
      from: { path: '^src/', pathNot: [src('cli', 'stack')] },
      to: { path: src('stack', 'cli') },
    },
    only(
      'stack-starts',
      src('stack'),
      [src('base', 'domain', 'config', 'state', 'diagnosis'), databaseSessions, '^src/postgres/ledger/schema\\.ts$'],
      'Servers and programs; it knows none of what they do. Of the ledger it knows how its owner upgrades it.',
    ),
    only(
      'command-line-calls',
      src('cli'),
      [src('stack', 'base', 'domain', 'config', 'state', 'diagnosis', 'api', 'auth'), databaseSessions],
      'The control API is reached over HTTP only.',
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
