/** Why the checker should be believed: it finds every planted fault, and passes a long clean history, measured. */
import { checkEvidence } from '../check-evidence.js';
import type { Bins } from '../bins.js';
import type { RuleName } from '../rules/catalogue.js';
import type { Answer } from '../verdict.js';
import { cleanHistory, evidenceOf, streamedEvidence } from './clean-history.js';
import { MUTATIONS } from './mutations.js';
import { SeededDraws } from './seeded-draws.js';

export interface SelfTestOptions {
  readonly seed: number;
  /** Of the clean history that is measured. */
  readonly messages: number;
  readonly conversations: number;
  readonly bins: Bins;
  readonly onProgress: (what: string) => void;
}

export interface SelfTestReport {
  readonly planted: readonly { readonly name: string; readonly rule: RuleName; readonly isFound: boolean }[];
  readonly clean: {
    readonly answer: Answer;
    readonly messages: number;
    /** Of judging; what the making of the history took is taken off. */
    readonly seconds: number;
    readonly messagesPerSecond: number;
    /** What a busy machine hides: messages for each second of the processor. */
    readonly messagesPerCpuSecond: number;
    /** The most that the process held, MiB. */
    readonly peakMiB: number;
  };
}

const SMALL = { messages: 1_500, conversations: 10, partitions: 2 } as const;
const PARTITIONS = 8;
const MIB = 1_048_576;

export async function runSelfTest(options: SelfTestOptions): Promise<SelfTestReport> {
  const { seed, onProgress } = options;
  // Before the others, whose records live long: the engine would then make the records of this one as if they did.
  const clean = await measureClean(options);
  const planted = [];
  for (const { name, rule, plant } of MUTATIONS) {
    onProgress(`planted: ${name}`);
    const history = cleanHistory({ ...SMALL, seed });
    plant(history, new SeededDraws(seed));
    const { outcomes } = await checkEvidence(evidenceOf(history), { findingsPerRule: 1 });
    planted.push({ name, rule, isFound: outcomes.some((one) => one.rule === rule && one.answer === 'fail') });
  }
  return { planted, clean };
}

async function measureClean({
  seed,
  messages,
  conversations,
  bins,
  onProgress,
}: SelfTestOptions): Promise<SelfTestReport['clean']> {
  const making = { ms: 0, cpuMs: 0 };
  const cpuBefore = process.cpuUsage();
  let peakBytes = 0;
  const beganMs = performance.now();
  const evidence = streamedEvidence({ seed, messages, conversations, partitions: PARTITIONS }, making);
  let untilSample = 0;
  const { answer, counts } = await checkEvidence(evidence, {
    bins,
    onProgress: (count, what) => {
      onProgress(`clean history, ${count} read: ${what}`);
      if (count < untilSample) return;
      untilSample = count + SAMPLE_EVERY;
      peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
    },
  });
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpuSeconds = (user + system) / 1_000_000 - making.cpuMs / 1_000;
  const seconds = (performance.now() - beganMs - making.ms) / 1_000;
  return {
    answer,
    messages: counts.delivered,
    seconds,
    messagesPerSecond: counts.delivered / seconds,
    messagesPerCpuSecond: counts.delivered / cpuSeconds,
    peakMiB: peakBytes / MIB,
  };
}

const SAMPLE_EVERY = 50_000;
