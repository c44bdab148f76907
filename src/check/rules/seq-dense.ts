import type { Findings } from '../findings.js';
import type { ConversationSoFar, Gap, SoFar } from '../so-far.js';

/** Gaps that wait for their end; beyond, a gap counts at once. */
export const MOST_OPEN_GAPS = 10_000;

/**
 * Rule 4. The numbers of a conversation are 1, 2, 3 … without a hole. Judged at the end: a number that came late is a
 * matter of order (rule seq-order), one that never came is missing. Where the beginning of a partition was deleted, a
 * conversation may begin with any number.
 *
 * @param topic for the exhibits.
 */
export function judgeDensity(soFar: SoFar, findings: Findings, topic: string): void {
  for (const conversation of soFar.conversations()) {
    for (const gap of conversation.gaps) reportGap(conversation, gap, findings, topic);
  }
}

/**
 * The same for a topic that is watched, whose end never comes: to be called every few seconds; a gap that stood open at
 * the call before counts now, once.
 */
export function sweepGaps(soFar: SoFar, findings: Findings, topic: string): void {
  for (const conversation of soFar.conversations()) {
    for (const gap of conversation.gaps) {
      if (gap.state === 'swept') reportGap(conversation, gap, findings, topic);
      else if (gap.state === 'new') gap.state = 'swept';
    }
  }
}

/** Once for each gap. */
export function reportGap({ id, partition }: ConversationSoFar, gap: Gap, findings: Findings, topic: string): void {
  const { from, to, atOffset } = gap;
  if (gap.state === 'reported') return;
  gap.state = 'reported';
  const numbers = from === to ? `seq ${from} is` : `seq ${from} to ${to} are`;
  findings.add('seq-dense', `${numbers} missing in ${id}`, [
    { kind: 'record', topic, partition, offset: atOffset, what: `${id} goes on with seq ${to + 1} here` },
  ]);
}
