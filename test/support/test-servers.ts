/**
 * The servers of a test run, one start for all of it. INORDER_TEST_SERVERS chooses: `embedded` (default), `containers`
 * (a Docker engine), or `external`, named by INORDER_TEST_BROKERS and INORDER_TEST_DATABASE_URL.
 */
import type { TestServers } from './servers.js';

export interface RunningTestServers extends TestServers {
  stop(): Promise<void>;
}

const KINDS = { embedded: startEmbedded, containers: startContainers, external: useExternal } as const;

export async function startTestServers(environment: NodeJS.ProcessEnv): Promise<RunningTestServers> {
  const kind = environment['INORDER_TEST_SERVERS'] ?? 'embedded';
  const start = (
    KINDS as Record<string, ((environment: NodeJS.ProcessEnv) => Promise<RunningTestServers>) | undefined>
  )[kind];
  if (start === undefined) {
    throw new Error(`INORDER_TEST_SERVERS holds "${kind}"; it may hold ${Object.keys(KINDS).join(', ')}`);
  }
  return start(environment);
}

async function startEmbedded(environment: NodeJS.ProcessEnv): Promise<RunningTestServers> {
  const { startServers } = await import('../../src/embedded/servers.js');
  const { silentLog } = await import('../../src/observe/log.js');
  const { makeDataDir, JARS_CACHE } = await import('./data-dir.js');
  const dataDir = await makeDataDir();
  try {
    const servers = await startServers({
      ...{ dataDir: dataDir.path, jarsDir: JARS_CACHE, javaHome: environment['JAVA_HOME'] ?? null },
      ...{ kafka: true, postgres: true, kafkaPort: 0, postgresPort: 0, restartOnCrash: true },
      log: silentLog,
      onProgress: (line) => process.stderr.write(`test servers: ${line}\n`),
    });
    const stop = async (): Promise<void> => {
      await servers.stop();
      await dataDir.remove();
    };
    return { brokers: servers.brokers, databaseUrl: servers.databaseUrl, stop };
  } catch (error) {
    await dataDir.remove();
    throw error;
  }
}

async function startContainers(): Promise<RunningTestServers> {
  const { startContainerServers } = await import('./container-servers.js');
  return startContainerServers();
}

async function useExternal(environment: NodeJS.ProcessEnv): Promise<RunningTestServers> {
  const { INORDER_TEST_BROKERS: brokers, INORDER_TEST_DATABASE_URL: databaseUrl } = environment;
  if (brokers === undefined || databaseUrl === undefined) {
    throw new Error('INORDER_TEST_SERVERS=external needs INORDER_TEST_BROKERS and INORDER_TEST_DATABASE_URL');
  }
  return { brokers: brokers.split(','), databaseUrl, stop: async () => undefined };
}
