/** Kafka: is it there, and do its settings keep what the pipeline relies on? The rules are pure. */
import { topicSpecs } from '../../config/topics.js';
import type { Settings } from '../../config/settings.js';
import type { KafkaAdmin } from '../../kafka/admin.js';
import { bad, lookAt, ok, type Finding } from './finding.js';

const AREA = 'kafka';
const ALTER = 'kafka-configs.sh --alter --entity-type';

export function kafkaFindings(admin: KafkaAdmin, settings: Settings): Promise<Finding[]> {
  const advice = 'start Kafka, or correct KAFKA_BROKERS and the KAFKA_SSL and KAFKA_SASL_ settings';
  return lookAt(AREA, 'brokers', advice, async () => {
    const { clusterId, nodeIds } = await admin.cluster();
    const reached = ok(AREA, 'brokers', `${nodeIds.length} in cluster ${clusterId}`);
    const broker = await lookAt(AREA, 'broker settings', 'allow DescribeConfigs on the cluster', async () =>
      judgeBroker(await admin.settingsOf({ nodeId: nodeIds[0] ?? 0 }), settings.transactionTimeoutMs),
    );
    const topics = await lookAt(AREA, 'topics', 'allow Describe and DescribeConfigs on the topics', () =>
      topicFindings(admin, settings, nodeIds.length),
    );
    return [reached, ...broker, ...topics];
  });
}

const MIN_RETENTION_DAYS = 30;
/** What the largest value that Kafka takes comes to, nearly. */
const MIN_ID_DAYS = 24;
const MINUTES_PER_DAY = 1_440;

/** Exported for its test. */
export function judgeBroker(settings: ReadonlyMap<string, string>, transactionTimeoutMs: number): Finding[] {
  const days = Number(settings.get('offsets.retention.minutes')) / MINUTES_PER_DAY;
  const idDays = Number(settings.get('transactional.id.expiration.ms')) / MINUTES_PER_DAY / 60_000;
  const longest = Number(settings.get('transaction.max.timeout.ms'));
  const rules: [boolean, Finding][] = [
    [
      days < MIN_RETENTION_DAYS,
      bad(
        ...(['warn', AREA, 'offsets.retention.minutes', `${Math.round(days)} days`] as const),
        'raise it to the maximum (2147483647): a lane whose offset expired halts, for nobody knows what it delivered',
      ),
    ],
    [
      idDays < MIN_ID_DAYS,
      bad(
        ...(['warn', AREA, 'transactional.id.expiration.ms', `${Math.round(idDays)} days`] as const),
        'raise it to the maximum (2147483647): an expired transactional id fences nobody',
      ),
    ],
    [
      longest < transactionTimeoutMs,
      bad(
        ...(['fail', AREA, 'transaction.max.timeout.ms', `${longest} ms`] as const),
        `raise it to at least INORDER_TRANSACTION_TIMEOUT_MS (${transactionTimeoutMs}), or lower that`,
      ),
    ],
    [
      settings.get('unclean.leader.election.enable') === 'true',
      bad(
        ...(['fail', AREA, 'unclean.leader.election.enable', 'true'] as const),
        'set it to false: a leader that lacks acknowledged records loses them',
      ),
    ],
  ];
  const found = rules.flatMap(([applies, finding]) => (applies ? [finding] : []));
  return found.length > 0 ? found : [ok(AREA, 'broker settings', 'keep offsets and transactions')];
}

async function topicFindings(admin: KafkaAdmin, settings: Settings, brokerCount: number): Promise<Finding[]> {
  const { topics, maxValueBytes } = settings;
  const names: readonly string[] = Object.values(topics);
  const found = await admin.describeTopics(names);
  const missing = names.filter((name) => !found.has(name));
  if (missing.length > 0) return [bad('fail', AREA, 'topics', `no ${missing.join(', ')}`, 'run `inorder topics`')];
  const count = (name: string): number => found.get(name)?.partitions ?? 0;
  const findings = [judgePartitions(topics.logic, count(topics.logic), topics.delivery, count(topics.delivery))];
  for (const { name, config } of topicSpecs({ topics, partitions: count(topics.logic), maxValueBytes })) {
    const facts = { name, settings: await admin.settingsOf({ topic: name }), ...(await admin.replication(name)) };
    findings.push(...judgeTopic(facts, config, brokerCount));
  }
  return findings;
}

function judgePartitions(logic: string, logicCount: number, delivery: string, deliveryCount: number): Finding {
  const found = `${logic} ${logicCount}, ${delivery} ${deliveryCount}`;
  if (logicCount === deliveryCount) return ok(AREA, 'partitions', found);
  const advice = 'the counts must be equal; begin anew under another INORDER_TOPIC_PREFIX';
  return bad('fail', AREA, 'partitions', found, advice);
}

export interface TopicFacts {
  readonly name: string;
  readonly settings: ReadonlyMap<string, string>;
  readonly replicas: number;
  readonly inSync: number;
}

const SAFE_REPLICAS = 3;

/** Exported for its test. @param wanted the settings that we give a new topic. */
export function judgeTopic(
  topic: TopicFacts,
  wanted: Readonly<Record<string, string>>,
  brokerCount: number,
): Finding[] {
  const { name, settings, replicas, inSync } = topic;
  const value = (key: string): string => settings.get(key) ?? '';
  const mend = (key: string): string =>
    `${ALTER} topics --entity-name ${name} --add-config ${key}=${wanted[key] ?? ''}`;
  const minInSync = Number(value('min.insync.replicas'));
  const findings: Finding[] = [];
  const differs = (state: 'warn' | 'fail', key: string, why: string): void => {
    findings.push(bad(state, AREA, name, `${key}=${value(key)}`, `${why}: ${mend(key)}`));
  };
  if (value('message.timestamp.type') !== 'LogAppendTime')
    differs('warn', 'message.timestamp.type', "times must be the broker's, not a writer's whose clock may be wrong");
  if (value('cleanup.policy') !== 'delete')
    differs('fail', 'cleanup.policy', 'compaction removes messages that are not yet read');
  if (Number(value('max.message.bytes')) < Number(wanted['max.message.bytes']))
    differs('warn', 'max.message.bytes', 'a large message that an earlier topic took would not fit');
  const keepsMs = Number(value('retention.ms'));
  const wantedMs = Number(wanted['retention.ms']);
  if (keepsMs !== -1 && (wantedMs === -1 || keepsMs < wantedMs))
    differs('warn', 'retention.ms', 'records may expire before they are read');
  if (inSync < minInSync)
    findings.push(
      bad(
        'fail',
        AREA,
        name,
        `${inSync} of ${replicas} replicas in sync`,
        `bring brokers back: writes need ${minInSync}`,
      ),
    );
  else if (inSync < replicas)
    findings.push(bad('warn', AREA, name, `${inSync} of ${replicas} replicas in sync`, 'see what keeps the others'));
  if (brokerCount >= SAFE_REPLICAS && (replicas < SAFE_REPLICAS || minInSync < 2))
    findings.push(
      bad(
        ...(['warn', AREA, name, `${replicas} replicas, min.insync.replicas=${minInSync}`] as const),
        'use 3 replicas and min.insync.replicas=2: what one broker alone acknowledged is lost with it',
      ),
    );
  const shown = `${replicas === 1 ? '1 replica' : `${replicas} replicas`}, LogAppendTime`;
  return findings.length > 0 ? findings : [ok(AREA, name, brokerCount === 1 ? `${shown} (one broker)` : shown)];
}
