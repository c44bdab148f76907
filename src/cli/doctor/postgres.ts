/** PostgreSQL: is it there, does it keep commits, and are the tables this version's and this pipeline's? */
import type { Settings } from '../../config/settings.js';
import type { Database } from '../../postgres/database.js';
import { readServerTraits, type ServerTraits } from '../../postgres/inspect.js';
import { migrationStatus } from '../../postgres/migrate.js';
import { readPin, type PipelinePin } from '../../postgres/pipeline-pin.js';
import { bad, lookAt, ok, type Finding } from './finding.js';

const AREA = 'postgresql';
const OLDEST_VERSION = 17;

/** @param logicPartitions of the logic topic; null where that isn't known. */
export function postgresFindings(
  database: Database,
  settings: Settings,
  logicPartitions: number | null,
): Promise<Finding[]> {
  return lookAt(AREA, 'server', 'start PostgreSQL, or correct DATABASE_URL', async () => {
    const server = judgeServer(await readServerTraits(database), database.address);
    const tables = await lookAt(AREA, 'tables', 'run `inorder migrate` with the version that made them', async () => {
      const { applied, pending } = await migrationStatus(database);
      if (pending.length > 0)
        return [bad('fail', AREA, 'tables', `not applied: ${pending.join(', ')}`, 'run `inorder migrate`')];
      const pin = judgePin(await readPin(database), settings.topicPrefix, logicPartitions);
      return [ok(AREA, 'tables', `those of this version (${applied.length} migrations)`), pin];
    });
    return [...server, ...tables];
  });
}

/** Exported for its test. */
export function judgeServer(traits: ServerTraits, address: string): Finding[] {
  const { majorVersion, version, encoding, isStandby, settings } = traits;
  const findings = [ok(AREA, 'server', `${version} at ${address}, time zone ${settings.TimeZone} (changes nothing)`)];
  if (majorVersion < OLDEST_VERSION)
    findings.push(
      bad(
        ...(['warn', AREA, 'version', version] as const),
        `use ${OLDEST_VERSION} or newer: an older one lets a worker that is stopped while it sends hold its lane`,
      ),
    );
  if (encoding !== 'UTF8')
    findings.push(
      bad('fail', AREA, 'encoding', encoding, "create the database with ENCODING 'UTF8' TEMPLATE template0"),
    );
  if (isStandby) findings.push(bad('fail', AREA, 'role', 'a standby', 'name the primary in DATABASE_URL'));
  for (const name of ['fsync', 'full_page_writes'] as const)
    if (settings[name] !== 'on')
      findings.push(bad('fail', AREA, name, settings[name], 'set it to on: a crash would lose what was acknowledged'));
  return findings;
}

/** Exported for its test. */
export function judgePin(pin: PipelinePin | null, topicPrefix: string, logicPartitions: number | null): Finding {
  if (pin === null) return ok(AREA, 'pin', 'nothing yet: the first start pins topics and partitions');
  const found = `${pin.topicPrefix}, ${pin.partitions} partitions`;
  if (pin.topicPrefix !== topicPrefix) {
    const advice = `set INORDER_TOPIC_PREFIX=${pin.topicPrefix}, or name another database in DATABASE_URL`;
    return bad('fail', AREA, 'pin', found, advice);
  }
  if (logicPartitions !== null && logicPartitions !== pin.partitions) {
    const advice = `the topics have ${logicPartitions}: begin anew under another INORDER_TOPIC_PREFIX and database`;
    return bad('fail', AREA, 'pin', found, advice);
  }
  return ok(AREA, 'pin', found);
}
