// One jest project a kind of need: `unit` and `property` need nothing; `integration` needs the servers that
// the global setup starts, once for all; `faults` starts its own, to kill them; `containers` needs a Docker engine, and is run by `npm run test:containers`,
// together with the integration tests on containers.
const onContainers = process.env.INORDER_TEST_SERVERS === 'containers';
const servers = {
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
};

const project = (name, extra = {}) => ({
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  // Data dirs, built files and other people's checkouts hold no tests.
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.inorder/'],
  ...extra,
});

const integration = project('integration', {
  testMatch: ['<rootDir>/test/{integration,contracts}/**/*.test.ts'],
  ...servers,
});

export default {
  // What needs no server runs beside what waits for one.
  maxWorkers: 2,
  projects: onContainers
    ? [integration, project('containers')]
    : [project('unit'), project('property'), project('model'), project('simulation'), integration, project('faults')],
  reporters: ['default', '<rootDir>/test/support/closing-line.mjs'],
  // For tests with servers; a test that may take longer says so itself.
  testTimeout: 30_000,
};
