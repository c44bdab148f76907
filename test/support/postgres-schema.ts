import { afterAll, beforeAll, jest } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { openDatabase, type Database } from '../../src/postgres/database.js';
import type { PostgresOptions } from '../../src/postgres/options.js';
import { silentLog } from '../../src/observe/log.js';
import { testServers } from './servers.js';
import { TcpGate } from './tcp-gate.js';

/** A schema of a test file's own, with a connection beside the code under test. */
export interface TestSchema {
  readonly name: string;
  /** Its search_path is the schema alone. */
  readonly url: string;
  /** Plain, of the test: nothing of src/ is between. */
  readonly client: pg.Client;
  /** Another one; closed at the end of the file. */
  connect(): Promise<pg.Client>;
  /** A database as the pipeline opens it; closed at the end of the file. */
  open(options?: Partial<PostgresOptions>): Database;
  /** A gate before the server, open, and the URL that leads through it; closed at the end of the file. */
  gate(): Promise<{ gate: TcpGate; url: string }>;
}

/** Made before the tests of a file and dropped after them; kept, and named, when one of them failed. */
export function testSchema(): TestSchema {
  jest.setTimeout(30_000); // a busy server is slow, not wrong
  const name = `t${randomBytes(6).toString('hex')}`;
  const clients: pg.Client[] = [];
  const databases: Database[] = [];
  const gates: TcpGate[] = [];
  const url = (): string => withSearchPath(testServers().databaseUrl, name);
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url() });
    client.on('error', () => undefined); // some tests kill it
    await client.connect();
    clients.push(client);
    return client;
  };

  beforeAll(async () => {
    const client = await connect();
    await client.query(`CREATE SCHEMA ${name}`);
  });

  afterAll(async () => {
    await Promise.all(gates.map((gate) => gate.close()));
    await Promise.all(databases.map((database) => database.close()));
    const [first, ...others] = clients;
    await Promise.all(others.map((client) => client.end()));
    if (first === undefined) return;
    if (anyTestFailed()) process.stderr.write(`kept schema ${name} of the failed test\n`);
    else await first.query(`DROP SCHEMA ${name} CASCADE`);
    await first.end();
  });

  return {
    name,
    get url() {
      return url();
    },
    get client() {
      const [first] = clients;
      if (first === undefined) throw new Error('the schema exists from beforeAll on');
      return first;
    },
    connect,
    open: (options = {}) => {
      const database = openDatabase({ ...DATABASE_DEFAULTS, url: url(), ...options }, silentLog);
      databases.push(database);
      return database;
    },
    gate: async () => {
      const through = new URL(url());
      const gate = new TcpGate({ host: through.hostname, port: Number(through.port) });
      await gate.open();
      gates.push(gate);
      through.host = `127.0.0.1:${gate.port}`;
      return { gate, url: through.href };
    },
  };
}

const DATABASE_DEFAULTS: Omit<PostgresOptions, 'url'> = {
  maxConnections: 4,
  statementTimeoutMs: 10_000,
  idleInTransactionTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
  applicationName: 'inorder test',
};

function withSearchPath(url: string, schema: string): string {
  const parsed = new URL(url);
  parsed.searchParams.set('options', `-c search_path=${schema}`);
  return parsed.href.replaceAll('+', '%20'); // node-postgres reads a plus sign as one
}

/** jest tells hooks nothing of failures; its own state, which it keeps on the global object, does. */
function anyTestFailed(): boolean {
  interface Block {
    readonly children: readonly (Block | { readonly type: 'test'; readonly errors: readonly unknown[] })[];
    readonly type: 'describeBlock';
  }
  const symbol = Object.getOwnPropertySymbols(globalThis).find(
    ({ description }) => description === 'JEST_STATE_SYMBOL',
  );
  if (symbol === undefined) return false;
  const { rootDescribeBlock } = (globalThis as unknown as Record<symbol, { rootDescribeBlock: Block }>)[symbol]!;
  const failed = (block: Block): boolean =>
    block.children.some((child) => (child.type === 'test' ? child.errors.length > 0 : failed(child)));
  return failed(rootDescribeBlock);
}
