/**
 * The sequence store under kill -9, as processes that number as fast as they can, each killed at a random moment of its
 * life, its opening included. Short by default; the full run:
 *
 *   INORDER_TEST_SEQUENCE_KILLS=1000 npm test -- --selectProjects faults -t sequence
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../../src/workload/random.js';
import { NumberLedger } from '../support/number-ledger.js';

const KILLS = Number(process.env['INORDER_TEST_SEQUENCE_KILLS'] ?? 40);
const SEED = Number(process.env['INORDER_TEST_SEED'] ?? Date.now() % 1_000_000);
const LINE_FEED = 0x0a;
/** Senders side by side, each with its file; their lives follow one after the other. */
const SENDERS = 4;
/** Every so manieth life ends while its store opens, or soon after; the others after a random count of numbers. */
const SHORT_LIFE_EVERY = 5;
const SHORT_LIFE_MS = 12;
const LONGEST_LIFE_NUMBERS = 400;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'inorder-sequence-kill-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test(
  'sequence store: a thousand kill -9 at random moments, and no number twice, none decreasing, every previous one right',
  async () => {
    const random = new SeededRandom(SEED);
    const lives: Life[] = [];
    await Promise.all(
      Array.from({ length: SENDERS }, async (_, sender) => {
        const ledger = new NumberLedger();
        const path = join(folder, `sender-${sender}`);
        for (let life = sender; life < KILLS; life += SENDERS) {
          const isShort = life % SHORT_LIFE_EVERY === 0;
          const death = {
            afterLines: isShort ? 1 : random.between(2, LONGEST_LIFE_NUMBERS),
            afterMs: isShort ? random.fraction() * SHORT_LIFE_MS : random.fraction(),
          };
          lives.push(await liveAndDie(path, death, ledger));
        }
      }),
    );
    const numbered = lives.reduce((sum, { numberCount }) => sum + numberCount, 0);
    const openings = lives.map(({ opened }) => opened).filter((opened) => opened !== null);
    const told = `seed ${SEED}: ${KILLS} kills, ${numbered} numbers, opened: ${JSON.stringify(countOf(openings))}`;
    expect(lives).toHaveLength(KILLS);
    // The kills did fall among the numbers, and a kill costs no epoch once both files are there.
    expect({ told, enough: numbered > 10 * KILLS }).toEqual({ told, enough: true });
    expect({ told, continued: openings.filter((kind) => kind === 'continued').length > KILLS / 2 }).toEqual({
      told,
      continued: true,
    });
    const left = readdirSync(folder).filter((name) => !/^sender-\d(\.lock|\.conversations|\.tmp)?$/.test(name));
    // At most what the last life of each sender left.
    expect(left.filter((name) => !/\.conversations\.tmp$|\.lock\.\d+\.\w+(\.dead)?$/.test(name))).toEqual([]);
    expect(left.length).toBeLessThanOrEqual(2 * SENDERS);
    process.stdout.write(`${told}\n`);
  },
  60_000 + KILLS * 300,
);

/** When a life ends: so many milliseconds after so many lines were seen. */
interface Death {
  readonly afterLines: number;
  readonly afterMs: number;
}

interface Life {
  readonly opened: string | null;
  readonly numberCount: number;
}

async function liveAndDie(path: string, { afterLines, afterMs }: Death, ledger: NumberLedger): Promise<Life> {
  const child = spawn(process.execPath, ['test/support/reserve-numbers.mjs', 'dist', path], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const gone = new Promise<NodeJS.Signals | null>((resolve) => child.once('close', (_code, signal) => resolve(signal)));
  let out = '';
  let complaints = '';
  let lineCount = 0;
  let isDoomed = false;
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    lineCount += chunk.filter((byte) => byte === LINE_FEED).length;
    if (isDoomed || lineCount < afterLines) return;
    isDoomed = true;
    setTimeout(() => child.kill('SIGKILL'), afterMs);
  });
  const signal = await gone;
  expect({ signal, complaints }).toEqual({ signal: 'SIGKILL', complaints: '' });
  // What comes after the last line feed was cut off by the kill.
  const [, opened = null, ...lines] = out.slice(0, out.lastIndexOf('\n')).split('\n');
  ledger.beginLife();
  for (const line of lines) {
    const [conversation = '', senderSeq, prevSenderSeq, senderEpoch] = line.split(' ');
    const numbers = {
      senderSeq: Number(senderSeq),
      prevSenderSeq: Number(prevSenderSeq),
      senderEpoch: Number(senderEpoch),
    };
    ledger.record(conversation, numbers);
  }
  return { opened, numberCount: lines.length };
}

function countOf(kinds: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
