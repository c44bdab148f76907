/** What this machine needs: Node.js always; Java and Maven where the servers are to be embedded. */
import type { Settings } from '../../config/settings.js';
import { readStack, stackPath } from '../../config/stack-file.js';
import { findTools } from '../../embedded/tools.js';
import { bad, lookAt, ok, type Finding } from './finding.js';

const OLDEST_NODE = [20, 19] as const;

export async function hostFindings(settings: Settings, nodeVersion = process.versions.node): Promise<Finding[]> {
  return [judgeNode(nodeVersion), ...(await toolFindings(settings)), judgeAddresses(settings)];
}

/** Exported for its test. */
export function judgeNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  const isNew = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  if (isNew) return ok('host', 'Node.js', version);
  return bad('fail', 'host', 'Node.js', version, `install Node.js ${OLDEST_NODE.join('.')} or newer`);
}

function toolFindings(settings: Settings): Promise<Finding[]> {
  if (settings.brokers !== null)
    return Promise.resolve([ok('host', 'Java, Maven', 'not needed: KAFKA_BROKERS is set')]);
  return lookAt('host', 'Java, Maven', 'install them, or set KAFKA_BROKERS', async () => {
    const { java, mvn } = await findTools(settings.javaHome, { mvn: true });
    return [ok('host', 'Java, Maven', `${java}, ${mvn ?? 'none'}`)];
  });
}

function judgeAddresses(settings: Settings): Finding {
  const { brokers, databaseUrl, dataDir } = settings;
  if (brokers !== null && databaseUrl !== null) return ok('host', 'addresses', 'KAFKA_BROKERS and DATABASE_URL');
  const found = readStack(dataDir);
  if (found.kind === 'running') return ok('host', 'addresses', stackPath(dataDir));
  const unset = [brokers === null ? 'KAFKA_BROKERS' : '', databaseUrl === null ? 'DATABASE_URL' : ''].filter(Boolean);
  return bad(
    'fail',
    'host',
    'addresses',
    `${unset.join(' and ')} unset, no running stack in ${dataDir}`,
    'start one with `npx inorder start`, or set the variables',
  );
}
