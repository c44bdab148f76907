import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { judgeSeq, type SeqVerdict } from '../../src/stages/delivery/judge-seq.js';

type Judge = (lastSeq: number | null, seq: number) => SeqVerdict;

/** What a conversation's handler sees of `seqs`, all repairs succeeding. */
function seenBy(judge: Judge, seqs: readonly number[]): number[] {
  const seen: number[] = [];
  let last: number | null = null;
  for (const seq of seqs) {
    const verdict = judge(last, seq);
    if (verdict.kind === 'drop') continue;
    if (verdict.kind === 'repair') for (let s = verdict.fromSeq; s <= verdict.toSeq; s++) seen.push(s);
    seen.push(seq);
    last = seq;
  }
  return seen;
}

/** 1 to n in order, with records repeated, replayed from further back, and left out. */
const arrivals = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constant('next' as const) },
      { weight: 1, arbitrary: fc.constant('again' as const) },
      { weight: 1, arbitrary: fc.constant('skip' as const) },
      { weight: 1, arbitrary: fc.constant('replay' as const) },
    ),
    { maxLength: 60 },
  )
  .map((steps) => {
    const seqs = [1];
    let newest = 1;
    for (const step of steps) {
      if (step === 'skip') newest += 2;
      if (step === 'next') newest += 1;
      if (step === 'replay') for (let s = Math.max(1, newest - 3); s < newest; s++) seqs.push(s);
      seqs.push(newest);
    }
    return seqs;
  });

test('the handler sees 1 to n, each once, in order, whatever is repeated, replayed or left out', () => {
  fc.assert(
    fc.property(arrivals, (seqs) => {
      expect(seenBy(judgeSeq, seqs)).toEqual(Array.from({ length: Math.max(...seqs) }, (_, i) => i + 1));
    }),
  );
});

describe('the property can fail: a broken judge is found', () => {
  const broken: [string, Judge][] = [
    ['equal is not dropped', (last, seq) => (last === seq ? { kind: 'handle' } : judgeSeq(last, seq))],
    ['gaps are not seen', (last, seq) => (last !== null && seq > last ? { kind: 'handle' } : judgeSeq(last, seq))],
  ];
  test.each(broken)('%s', (_, judge) => {
    const found = fc.check(
      fc.property(arrivals, (seqs) => {
        expect(seenBy(judge, seqs)).toEqual(Array.from({ length: Math.max(...seqs) }, (__, i) => i + 1));
      }),
    );
    expect(found.failed).toBe(true);
  });
});
