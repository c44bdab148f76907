/** Exported files: another pipeline's names, kcat's lines, and what is wrong in them is found at its place. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkEvidence } from '../../src/check/check-evidence.js';
import { fieldMapOf, fileEvidence } from '../../src/check/readers/file-evidence.js';
import type { Verdict } from '../../src/check/verdict.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'inorder-check-files-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, lines: readonly unknown[]): string {
  const path = join(folder, name);
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return path;
}

async function judge(went: readonly unknown[], came: readonly unknown[], maps: readonly string[]): Promise<Verdict> {
  const files = { ingest: file('in.jsonl', went), delivery: file('out.jsonl', came) };
  const map = fieldMapOf(maps);
  return checkEvidence(await fileEvidence({ ...files, deadLetters: null, observations: null, map, isDrained: true }));
}

const failed = ({ outcomes }: Verdict): string[] =>
  outcomes.filter(({ answer }) => answer === 'fail').map(({ rule }) => rule);

const FOREIGN = ['conversationId=chat.id', 'senderId=from', 'clientMsgId=id', 'seq=n', 'msgId=', 'body=content.text'];

function foreign(n: number, text = `text ${n}`): { chat: { id: number }; from: string; id: string; content: object } {
  return { chat: { id: 7 }, from: n % 2 === 0 ? 'ann' : 'bob', id: `m${n}`, content: { text } };
}

const COUNT = 50;
const went = Array.from({ length: COUNT }, (_, n) => foreign(n + 1));
const came = Array.from({ length: COUNT }, (_, n) => ({ ...foreign(n + 1), n: n + 1 }));

test("another pipeline's lines pass under its own names", async () => {
  const verdict = await judge(went, came, FOREIGN);
  expect(verdict.answer).toBe('pass');
  expect(verdict.counts).toMatchObject({ ingested: COUNT, delivered: COUNT, conversations: 1 });
});

test('a line that is missing is lost, and its number with it', async () => {
  const verdict = await judge(went, came.toSpliced(20, 1), FOREIGN);
  expect(failed(verdict)).toEqual(['ends-once', 'seq-dense']);
  const [lost] = verdict.outcomes[0]?.findings ?? [];
  expect(lost?.exhibits[0]).toMatchObject({ kind: 'record', partition: 0, offset: 21 });
});

test('two lines that changed places, and a text that changed, are found', async () => {
  const swapped = [...came];
  [swapped[10], swapped[11]] = [came[11] as (typeof came)[0], came[10] as (typeof came)[0]];
  expect(failed(await judge(went, swapped, FOREIGN))).toEqual(['seq-order']);
  const forged = came.with(5, { ...foreign(6, 'forged'), n: 6 });
  expect(failed(await judge(went, forged, FOREIGN))).toEqual(['payload-unchanged']);
});

test("kcat's lines, whose payload is JSON in a string, are entered; partitions are kept apart", async () => {
  const kcat = (line: object, index: number): object => ({
    ...{ topic: 't', partition: index % 2, offset: Math.floor(index / 2), ts: 1_000 + index },
    payload: JSON.stringify({ ...line, chat: { id: index % 2 } }),
  });
  const maps = FOREIGN.map((one) => one.replace(/=(.)/, '=payload.$1')).concat('timestamp=ts');
  const numbered = went.map((line, index) => ({ ...line, n: Math.floor(index / 2) + 1 }));
  const verdict = await judge(went.map(kcat), numbered.map(kcat), maps);
  expect(verdict.answer).toBe('pass');
  expect(verdict.counts).toMatchObject({ delivered: COUNT, conversations: 2 });
  expect(failed(await judge(went.map(kcat), numbered.toSpliced(9, 1).map(kcat), maps))).toContain('ends-once');
});

test.each(['ingest', 'delivery', 'deadLetters', 'observations'])(
  'a file of %s that can not be read is refused by its name, before anything is judged',
  async (kind) => {
    const path = join(folder, 'is-not-there.jsonl');
    const none = { ingest: null, delivery: null, deadLetters: null, observations: null };
    const evidence = fileEvidence({ ...none, [kind]: path, map: fieldMapOf([]), isDrained: true });
    await expect(evidence).rejects.toThrow(`${path} can't be read: `);
  },
);
