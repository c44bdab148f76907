import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const REPLICAS = 3;

interface Metadata {
  readonly topics: readonly { readonly partitions: readonly { readonly isrs: readonly unknown[] }[] }[];
}

/** Whether every partition has all of its replicas in sync, as a client that is not ours sees it. */
export async function isInSync(brokers: string): Promise<boolean> {
  try {
    const { stdout } = await run('kcat', ['-L', '-J', '-m', '5', '-b', brokers], { timeout: 10_000 });
    const { topics } = JSON.parse(stdout) as Metadata;
    return topics.every(({ partitions }) => partitions.every(({ isrs }) => isrs.length === REPLICAS));
  } catch {
    return false; // no answer: not yet
  }
}
