/** `inorder check --live`: says what it finds as it finds it, tells Prometheus, and answers when it is stopped. */
import { LiveCheck } from '../check/live/live-check.js';
import { watchDelivery } from '../check/live/watch-delivery.js';
import { exhibitText } from '../check/report/text.js';
import { RULES } from '../check/rules/catalogue.js';
import type { Finding, Verdict } from '../check/verdict.js';
import { systemClock } from '../clock/clock.js';
import { InorderError } from '../errors.js';
import { startHttp } from '../http/server.js';
import { PartitionLogReader } from '../kafka/partition-log.js';
import { createMetrics } from '../observe/prometheus.js';
import { connectKafka, openAdmin } from './connect.js';
import type { CommandContext } from './context.js';
import { note, outputClosed, print, printJson } from './output.js';
import { grouped, Progress } from './progress.js';
import { withResources } from './resources.js';
import { watchStopSignals } from './signals.js';

export interface CheckLiveOptions {
  readonly findingsPerRule: number;
  readonly asJson: boolean;
}

const HANGS_AFTER_MS = 90_000;

/** Until Ctrl-C. @throws InorderError topic_mismatch, config_invalid (the http port), kafka_* */
export async function checkLive(
  context: CommandContext,
  { findingsPerRule, asJson }: CheckLiveOptions,
): Promise<Verdict> {
  const stop = watchStopSignals({ onForce: () => undefined });
  const progress = new Progress();
  try {
    return await withResources(context.log, async (resources) => {
      const { settings, log } = context;
      const { topics, httpPort } = settings;
      const kafka = connectKafka(context, 'check');
      const from = await endsOf(openAdmin(kafka, resources), topics.delivery);
      const logs = new PartitionLogReader(kafka);
      resources.opened('partition logs', () => logs.close());
      const metrics = createMetrics();
      const onFinding = (finding: Finding): void => tell(finding, progress, asJson);
      const check = new LiveCheck({ topics, from, findingsPerRule, hangsAfterMs: HANGS_AFTER_MS, metrics, onFinding });
      const { port, isDefault: portIsDefault } = httpPort;
      const health = () => ({ ready: true, reasons: [] });
      const http = await startHttp({ port, portIsDefault, metrics, health, log });
      resources.opened('http', () => http.close());
      if (asJson) printJson({ kind: 'watching', topic: topics.delivery, metrics: `${http.url}/metrics` });
      else note(`watching ${topics.delivery} from now on (Ctrl-C ends); metrics: ${http.url}/metrics`);
      await watchDelivery({
        ...{ check, logs, topic: topics.delivery, from, clock: systemClock },
        stop: AbortSignal.any([stop.signal, outputClosed]),
        onTurn: () => progress.update(() => stateText(check)),
      });
      return check.finish();
    });
  } finally {
    progress.end();
    stop.release();
  }
}

async function endsOf(admin: ReturnType<typeof openAdmin>, topic: string): Promise<Map<number, number>> {
  const found = await admin.describeTopics([topic]);
  if (!found.has(topic)) {
    throw new InorderError('topic_mismatch', `Kafka has no topic ${topic}; \`inorder topics\` creates it`);
  }
  const ranges = await admin.logRanges(topic);
  return new Map([...ranges].map(([partition, { endOffset }]) => [partition, endOffset]));
}

function stateText({ deliveredCount, violationCount, lagRecords }: LiveCheck): string {
  return `${grouped(deliveredCount)} delivered, ${grouped(violationCount)} violations, ${grouped(lagRecords)} behind`;
}

function tell(finding: Finding, progress: Progress, asJson: boolean): void {
  const { rule, sentence, exhibits } = finding;
  const at = new Date(systemClock.nowMs()).toISOString();
  if (asJson) return printJson({ kind: 'violation', at, number: RULES[rule].number, ...finding });
  progress.end();
  print(`${at} rule ${RULES[rule].number}, ${rule}: ${sentence}`);
  for (const exhibit of exhibits) print(`    ${exhibitText(exhibit)}`);
}
