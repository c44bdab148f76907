export interface TestServers {
  readonly brokers: string[];
  readonly databaseUrl: string;
}

/** The servers that jest's global setup started, or that the environment names. */
export function testServers(): TestServers {
  const brokers = process.env['INORDER_TEST_BROKERS'];
  const databaseUrl = process.env['INORDER_TEST_DATABASE_URL'];
  if (brokers === undefined || databaseUrl === undefined) {
    throw new Error('INORDER_TEST_BROKERS and INORDER_TEST_DATABASE_URL are unset: did the global setup run?');
  }
  return { brokers: brokers.split(','), databaseUrl };
}
