/** This host's clock against NTP, Kafka and PostgreSQL, judged as the stages judge theirs. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../clock/clock.js';
import { judgeClock, type ClockOffset, type ClockVerdict } from '../../clock/judge-clock.js';
import { ntpProbe } from '../../clock/ntp-probe.js';
import type { ClockOptions } from '../../clock/options.js';
import { betterOf, referenceOf, type ClockReference, type ClockSample } from '../../clock/reference.js';
import type { KafkaAdmin } from '../../kafka/admin.js';
import { openKafka } from '../../kafka/connection.js';
import type { KafkaOptions } from '../../kafka/options.js';
import { PlainProducer } from '../../kafka/plain-producer.js';
import type { Log } from '../../observe/log.js';
import type { Database } from '../../postgres/database.js';
import { readClock } from '../../postgres/read-clock.js';
import { bad, lookAt, ok, type Finding } from './finding.js';

const AREA = 'clocks';
const LOOKS = 5;

export interface ClockServers {
  readonly kafka: { readonly admin: KafkaAdmin; readonly options: KafkaOptions } | null;
  readonly database: Database | null;
  readonly topicPrefix: string;
}

export async function clockFindings(
  { kafka, database, topicPrefix }: ClockServers,
  options: ClockOptions,
  clock: Clock,
  log: Log,
): Promise<Finding[]> {
  const offsets: ClockOffset[] = [];
  const findings: Finding[] = [];
  const look = async (source: string, advice: string, take: () => Promise<ClockSample[]>): Promise<void> => {
    const failed = await lookAt(AREA, source, advice, async () => {
      const samples = await take();
      const best = samples.map(referenceOf).reduce<ClockReference | undefined>(betterOf, undefined);
      if (best !== undefined) offsets.push(offsetOf(best, clock));
      return [];
    });
    findings.push(...failed.map((finding) => ({ ...finding, state: 'warn' as const })));
  };
  await look('NTP', 'correct INORDER_NTP_SERVERS, or let chrony run on this host', async () => {
    const seen = await ntpProbe(options.ntpServers, clock).look();
    if (seen.kind === 'silent') throw new Error(seen.reason);
    return seen.kind === 'seen' ? [seen.sample] : [];
  });
  if (database !== null) await look('PostgreSQL', 'see above', () => askPostgres(database, clock));
  if (kafka !== null) {
    const advice = `to measure it, a topic ${topicPrefix}.doctor.… is created, written and deleted: allow that`;
    await look('Kafka', advice, () => askKafka(kafka, `${topicPrefix}.doctor.${randomBytes(4).toString('hex')}`, log));
  }
  return [...findings, ...clockFindingsOf(judgeClock(offsets, options.limits, 'ok'))];
}

/** Exported for its test. */
export function clockFindingsOf({ level, offsets, reasons }: ClockVerdict): Finding[] {
  const names = { ntp: 'NTP', postgres: 'PostgreSQL', kafka: 'Kafka' };
  const measured = offsets.map(({ source, offsetMs, errorMs }) =>
    ok(
      AREA,
      names[source],
      `this clock is ${offsetMs >= 0 ? '+' : ''}${offsetMs.toFixed(1)} ± ${errorMs.toFixed(1)} ms`,
    ),
  );
  const advice = 'synchronise the hosts by NTP (chrony); docs/clocks.md says more';
  if (!offsets.some(({ source }) => source === 'ntp')) {
    const help = 'run chrony on every host, or set INORDER_NTP_SERVERS: without it the servers are believed';
    measured.unshift(bad('warn', AREA, 'NTP', 'nobody to ask', help));
  }
  if (level === 'ok') return measured;
  const found = reasons.length > 0 ? reasons.join('; ') : 'nothing certain is known of this clock';
  return [...measured, bad(level === 'refuse' ? 'fail' : 'warn', AREA, `level ${level}`, found, advice)];
}

function offsetOf({ source, aheadOfMonotonicMs, errorMs }: ClockReference, clock: Clock): ClockOffset {
  return { source, offsetMs: clock.nowMs() + 0.5 - clock.monotonicMs() - aheadOfMonotonicMs, errorMs: errorMs + 0.5 };
}

async function askPostgres(database: Database, clock: Clock): Promise<ClockSample[]> {
  const samples: ClockSample[] = [];
  for (let looks = 0; looks < LOOKS; looks++) {
    const askedMs = clock.monotonicMs();
    const saidMs = await readClock(database);
    samples.push({ source: 'postgres', askedMs, answeredMs: clock.monotonicMs(), saidMs, ownErrorMs: 0 });
  }
  return samples;
}

/** A broker tells its time to those who write; the topics of the pipeline aren't ours to write to. */
async function askKafka(
  { admin, options }: NonNullable<ClockServers['kafka']>,
  topic: string,
  log: Log,
): Promise<ClockSample[]> {
  const samples: ClockSample[] = [];
  const producer = new PlainProducer(openKafka(options, log, (sample) => samples.push(sample)));
  try {
    await admin.ensureTopics([{ name: topic, partitions: 1, config: { 'message.timestamp.type': 'LogAppendTime' } }]);
    for (let looks = 0; looks < LOOKS; looks++)
      await producer.send([{ topic, partition: 0, key: null, value: Buffer.from('doctor'), headers: {} }]);
  } finally {
    await producer.close();
    await admin.deleteTopics([topic]);
  }
  return samples;
}
