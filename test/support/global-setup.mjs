// Starts the servers of a test run. jest calls it once, and only where a project that names it has a test to run: a run
// of unit tests alone starts nothing. It runs outside jest's own module system, hence the hooks for TypeScript.
import './typescript.mjs';

export default async function startServersOfTheRun() {
  const { startTestServers } = await import('./test-servers.ts');
  const servers = await startTestServers(process.env);
  globalThis.inorderTestServers = servers;
  // Workers are made after this and get the environment as it is now.
  process.env.INORDER_TEST_BROKERS = servers.brokers.join(',');
  process.env.INORDER_TEST_DATABASE_URL = servers.databaseUrl;
}
