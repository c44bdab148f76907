/** The pipeline's groups and lanes: who works, what waits, and which lane halted, or would at its next takeover. */
import type { Settings } from '../../config/settings.js';
import { readStack } from '../../config/stack-file.js';
import type { KafkaAdmin } from '../../kafka/admin.js';
import { judgeTakeover } from '../../lane/judge-takeover.js';
import type { Database } from '../../postgres/database.js';
import { readLanes } from '../../postgres/inspect.js';
import { groupNames } from '../../stages/group-names.js';
import { bad, lookAt, ok, type Finding } from './finding.js';

const AREA = 'pipeline';
const ADVICE = 'a person must look before it goes on: ARCHITECTURE.md, "Crash windows"';

export async function laneFindings(admin: KafkaAdmin, database: Database, settings: Settings): Promise<Finding[]> {
  const { topics, topicPrefix } = settings;
  const groups = groupNames(topicPrefix);
  const looks = [
    groupFinding(admin, 'ingest', groups.ingest, topics.ingest),
    groupFinding(admin, 'logic', groups.logic, topics.logic),
    lookAt(AREA, 'lanes', 'see above', () => takeoverFindings(admin, database, groups.logic, topics.logic)),
    lookAt(AREA, 'readiness', 'see the log of `inorder start`', () => readinessFindings(settings)),
  ];
  return (await Promise.all(looks)).flat();
}

function groupFinding(admin: KafkaAdmin, stage: string, groupId: string, topic: string): Promise<Finding[]> {
  return lookAt(AREA, stage, `allow Describe on group ${groupId}`, async () => {
    const memberCount = await admin.memberCount(groupId);
    const committed = await admin.committedPositions(groupId, topic);
    const waiting = [...(await admin.logRanges(topic))].map(
      ([partition, { startOffset, endOffset }]) => endOffset - (committed.get(partition)?.nextOffset ?? startOffset),
    );
    const lag = waiting.reduce((sum, count) => sum + Math.max(0, count), 0);
    const found = `${memberCount} ${memberCount === 1 ? 'worker' : 'workers'}, ${lag} records wait`;
    if (memberCount > 0) return [ok(AREA, stage, found)];
    return [bad('warn', AREA, stage, found, `start one: \`inorder run ${stage}\`, or everything: \`inorder start\``)];
  });
}

/** A lane whose positions contradict each other halts when it is next taken over; looked at without taking it. */
async function takeoverFindings(
  admin: KafkaAdmin,
  database: Database,
  groupId: string,
  topic: string,
): Promise<Finding[]> {
  // The group first: positions only grow, so what it committed before the rows were read can't be above them.
  const committed = await admin.committedPositions(groupId, topic);
  const lanes = await readLanes(database);
  const ranges = await admin.logRanges(topic);
  const halted = lanes.flatMap(({ partition, ...taken }) => {
    const range = ranges.get(partition);
    if (range === undefined) return [];
    const { startOffset: logStart, endOffset: logEnd } = range;
    const verdict = judgeTakeover(taken, { committed: committed.get(partition) ?? null, logStart, logEnd });
    return verdict.kind === 'halt' ? [bad('fail', AREA, `lane ${partition}`, verdict.reason, ADVICE)] : [];
  });
  return halted.length > 0 ? halted : [ok(AREA, 'lanes', `${lanes.length}, positions agree`)];
}

const READINESS_WITHIN_MS = 5_000;

/** Of the stack in the data directory, which says more than its positions do. */
async function readinessFindings({ dataDir }: Settings): Promise<Finding[]> {
  const found = readStack(dataDir);
  if (found.kind !== 'running' || found.stack.httpUrl === undefined) return [];
  const answer = await fetch(`${found.stack.httpUrl}/readyz`, { signal: AbortSignal.timeout(READINESS_WITHIN_MS) });
  const {
    ready,
    reasons,
    warnings = [],
  } = (await answer.json()) as {
    ready: boolean;
    reasons: string[];
    warnings?: string[];
  };
  if (ready && warnings.length === 0) return [ok(AREA, 'readiness', `ready (${found.stack.httpUrl})`)];
  return [
    ...reasons.map((reason) =>
      bad('fail', AREA, 'readiness', reason, reason.includes('halted') ? ADVICE : 'see its log'),
    ),
    ...warnings.map((warning) => bad('warn', AREA, 'readiness', warning, 'docs/clocks.md')),
  ];
}
