import { describe, expect, test } from '@jest/globals';
import { judgeTakeover } from '../../../src/lane/judge-takeover.js';
import type { LogicOffset, MsgId } from '../../../src/protocol/ids.js';

const taken = (nextOffset: number, lastMsgId: bigint) => ({
  nextOffset: nextOffset as LogicOffset,
  lastMsgId: lastMsgId as MsgId,
});
const found = (committed: { nextOffset: number; metadata: string | null } | null, logStart = 0, logEnd = 100) => ({
  committed,
  logStart,
  logEnd,
});

describe('a lane goes on', () => {
  test('from the very beginning, where nothing was ever committed', () => {
    expect(judgeTakeover(taken(0, 0n), found(null))).toEqual({ kind: 'go', watermark: 0n, committedOffset: null });
  });
  test('where Kafka lags behind the database: the rows above the watermark are emitted again', () => {
    const verdict = judgeTakeover(taken(50, 900n), found({ nextOffset: 40, metadata: '800' }));
    expect(verdict).toEqual({ kind: 'go', watermark: 800n, committedOffset: 40 });
  });
});

describe('a lane halts, saying why', () => {
  test.each([
    [
      'the database lost acknowledged commits',
      taken(30, 900n),
      found({ nextOffset: 40, metadata: '800' }),
      /older copy/,
    ],
    [
      'the log is shorter than what was stored',
      taken(101, 900n),
      found({ nextOffset: 40, metadata: '800' }),
      /log ends at 100/,
    ],
    ['records expired unprocessed', taken(5, 9n), found({ nextOffset: 5, metadata: '9' }, 6), /log begins at 6/],
    ['the committed offset expired', taken(5, 9n), found(null), /no committed offset/],
    [
      'the offset was committed without a watermark',
      taken(5, 9n),
      found({ nextOffset: 5, metadata: '' }),
      /watermark should be/,
    ],
    [
      'more was delivered than the database knows',
      taken(50, 700n),
      found({ nextOffset: 50, metadata: '800' }),
      /ids up to 700/,
    ],
  ])('%s', (_what, row, position, reason) => {
    const verdict = judgeTakeover(row, position);
    expect(verdict.kind).toBe('halt');
    expect(verdict.kind === 'halt' && verdict.reason).toMatch(reason);
  });
});
