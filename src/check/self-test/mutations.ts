/**
 * Faults planted in a clean history, at least one for each rule: what a broken pipeline would have left. Each names the
 * rule that must find it; a checker that passes one of them is broken.
 */
import { invariant } from '../../invariant.js';
import type { DeliveryRecord, MessageRow, Stamped } from '../evidence.js';
import type { RuleName } from '../rules/catalogue.js';
import type { History } from './clean-history.js';
import {
  commitAhead,
  forwardAhead,
  leaveOpen,
  showOtherOrder,
  endReaderEarly,
  skipObservation,
  rewindReader,
  loseAcknowledged,
} from './mutations-beside.js';
import { cut, NO_SUCH, pick } from './picks.js';
import type { SeededDraws } from './seeded-draws.js';

export interface Mutation {
  /** What was done, in words. */
  readonly name: string;
  readonly rule: RuleName;
  readonly plant: (history: History, draws: SeededDraws) => void;
}

export const MUTATIONS: readonly Mutation[] = [
  { name: 'lose a message everywhere', rule: 'ends-once', plant: loseEverywhere },
  { name: 'lose a delivery', rule: 'ends-once', plant: (history, draws) => void takeDelivery(history, draws) },
  { name: 'lose a row', rule: 'ends-once', plant: (history, draws) => void takeRow(history, draws) },
  { name: 'lose a dead letter', rule: 'ends-once', plant: ({ deadLetters }, draws) => void cut(deadLetters, draws) },
  { name: 'acknowledge a record that is gone from the topic', rule: 'ends-once', plant: loseAcknowledged },
  { name: 'dead-letter a message that was stored', rule: 'ends-once', plant: deadLetterStored },
  { name: 'deliver what nobody sent', rule: 'ends-once', plant: loseIngest },
  { name: 'store one message twice', rule: 'ends-once', plant: storeTwice },
  { name: 'change a body in the topic', rule: 'payload-unchanged', plant: changing({ body: '"other"' }) },
  { name: 'change a body in topic and table', rule: 'payload-unchanged', plant: changeStored },
  { name: 'print a number again in the topic', rule: 'payload-unchanged', plant: changing({ meta: '{"n":1e3}' }) },
  { name: 'write rubbish into the delivery topic', rule: 'payload-unchanged', plant: writeRubbish },
  { name: 'deliver a message twice', rule: 'stamps-unique', plant: deliverTwice },
  { name: 'give a msgId to the next message too', rule: 'stamps-unique', plant: repeatMsgId },
  { name: 'make a msgId of another partition', rule: 'stamps-unique', plant: strayMsgId },
  { name: 'skip a seq', rule: 'seq-dense', plant: (history, draws) => void takeDelivery(history, draws) },
  { name: 'begin a conversation with 2', rule: 'seq-dense', plant: loseFirst },
  { name: 'swap two deliveries of a conversation', rule: 'seq-order', plant: swapDeliveries },
  { name: 'deliver part of a conversation elsewhere', rule: 'seq-order', plant: strayConversation },
  { name: 'swap two senderSeq', rule: 'sender-order', plant: swapSenderSeq },
  { name: 'call a message late that was not', rule: 'sender-order', plant: callLate },
  { name: 'conceal that a message is late', rule: 'sender-order', plant: concealLate },
  { name: 'lower a msgId', rule: 'msg-id-grows', plant: lowerMsgId },
  { name: 'restamp after an abort', rule: 'stamp-immutable', plant: restampAborted },
  { name: 'give an aborted msgId to another message', rule: 'stamp-immutable', plant: reuseAbortedId },
  { name: 'restamp the row', rule: 'stamp-immutable', plant: restampRow },
  { name: 'let a former owner write', rule: 'epoch-never-falls', plant: dropEpoch },
  { name: 'let a former owner write, and abort', rule: 'epoch-never-falls', plant: dropAbortedEpoch },
  { name: 'commit ahead of the store', rule: 'offset-behind-store', plant: commitAhead },
  { name: 'forward ahead of the store', rule: 'offset-behind-store', plant: forwardAhead },
  { name: 'split a batch over two transactions', rule: 'batch-whole', plant: splitBatch },
  { name: 'deliver half a batch', rule: 'batch-whole', plant: (history, draws) => void takeDelivery(history, draws) },
  { name: 'leave a transaction open', rule: 'no-open-transaction', plant: leaveOpen },
  { name: 'show a reader another order', rule: 'readers-agree', plant: showOtherOrder },
  { name: 'end a reader before the end', rule: 'readers-agree', plant: endReaderEarly },
  { name: 'skip a record in an assignment', rule: 'reader-in-order', plant: skipObservation },
  { name: 'rewind a reader in an assignment', rule: 'reader-in-order', plant: rewindReader },
];

const HALF_A_DAY_MS = 12 * 60 * 60 * 1_000;

/** Delivered records of a partition with their places in its list; aborted copies are left out. */
function visible({ delivery }: History, draws: SeededDraws): { list: DeliveryRecord[]; at: number[] } {
  const list = pick(delivery, draws);
  const at = list.flatMap(({ outcome }, index) => (outcome === 'committed' ? [index] : []));
  return { list, at };
}

function alter(list: DeliveryRecord[], at: number, changes: Partial<Stamped>): void {
  const record = list[at];
  invariant(record?.message, NO_SUCH);
  list[at] = { ...record, message: { ...record.message, ...changes } };
}

function messageAt(list: readonly DeliveryRecord[], at: number | undefined): Stamped {
  const message = at === undefined ? undefined : list[at]?.message;
  invariant(message, NO_SUCH);
  return message;
}

/** A delivery from the middle of its batch that is not the last of its conversation. */
function middleOf({ list, at }: { list: DeliveryRecord[]; at: number[] }, draws: SeededDraws): number {
  const fitting = at.filter((index, n) => {
    const [before, here, after] = [list[at[n - 1] ?? -1], list[index], list[at[n + 1] ?? -1]];
    const isInside = before?.transaction === here?.transaction && after?.transaction === here?.transaction;
    const goesOn = at
      .slice(n + 1)
      .some((later) => list[later]?.message?.conversationId === here?.message?.conversationId);
    return isInside && goesOn;
  });
  return pick(fitting, draws);
}

function takeDelivery(history: History, draws: SeededDraws): DeliveryRecord {
  const found = visible(history, draws);
  const [taken] = found.list.splice(middleOf(found, draws), 1);
  invariant(taken !== undefined, NO_SUCH);
  return taken;
}

function takeRow(history: History, draws: SeededDraws): MessageRow {
  return cut(pick(history.rows, draws), draws);
}

function loseEverywhere(history: History, draws: SeededDraws): void {
  const row = takeRow(history, draws);
  const list = history.delivery[row.partition] ?? [];
  history.delivery[row.partition] = list.filter(({ message }) => message?.msgId !== row.msgId);
}

function loseFirst(history: History, draws: SeededDraws): void {
  const { list, at } = visible(history, draws);
  const firsts = at.filter((index) => list[index]?.message?.seq === 1);
  list.splice(pick(firsts, draws), 1);
}

function deadLetterStored(history: History, draws: SeededDraws): void {
  const { place } = pick(pick(history.rows, draws), draws);
  history.deadLetters.push({ partition: 0, offset: history.deadLetters.length, reason: 'not_json', place });
}

function loseIngest(history: History, draws: SeededDraws): void {
  // Below the first record that is there a record was deleted, not invented.
  const { place } = pick(pick(history.rows, draws).slice(1, -50), draws);
  const list = history.ingest[place.partition] ?? [];
  history.ingest[place.partition] = list.filter(({ offset }) => offset !== place.offset);
}

function storeTwice(history: History, draws: SeededDraws): void {
  const rows = pick(history.rows, draws);
  const row = pick(rows, draws);
  const last = rows.at(-1) ?? row;
  rows.push({ ...row, msgId: String(BigInt(last.msgId ?? 0) + 1n), seq: row.seq + 1_000_000 });
}

function changing(changes: Partial<Stamped>): Mutation['plant'] {
  return (history, draws) => {
    const { list, at } = visible(history, draws);
    alter(list, pick(at, draws), changes);
  };
}

function changeStored(history: History, draws: SeededDraws): void {
  const rows = pick(history.rows, draws);
  const index = draws.below(rows.length);
  const row = rows[index];
  invariant(row !== undefined, NO_SUCH);
  rows[index] = { ...row, body: '"other"' };
  const list = history.delivery[row.partition] ?? [];
  list.forEach(({ message }, at) => {
    if (message?.msgId === row.msgId) alter(list, at, { body: '"other"' });
  });
}

function writeRubbish(history: History, draws: SeededDraws): void {
  const { list, at } = visible(history, draws);
  const index = pick(at, draws);
  const record = list[index];
  invariant(record !== undefined, NO_SUCH);
  list[index] = { ...record, message: null, fault: 'it is not JSON' };
}

function deliverTwice(history: History, draws: SeededDraws): void {
  const { list, at } = visible(history, draws);
  const record = list[pick(at, draws)];
  const offset = (list.at(-1)?.offset ?? 0) + 1;
  invariant(record !== undefined, NO_SUCH);
  list.push({
    ...record,
    offset,
    transaction: (list.at(-1)?.transaction ?? 0) + 1,
    laneEpoch: list.at(-1)?.laneEpoch ?? 0,
  });
}

function repeatMsgId(history: History, draws: SeededDraws): void {
  const { list, at } = visible(history, draws);
  const n = 1 + draws.below(at.length - 1);
  alter(list, at[n] ?? -1, { msgId: messageAt(list, at[n - 1]).msgId });
}

function strayMsgId(history: History, draws: SeededDraws): void {
  const { list, at } = visible(history, draws);
  const n = 1 + draws.below(at.length - 1);
  const { msgId } = messageAt(list, at[n]);
  alter(list, at[n] ?? -1, { msgId: String(BigInt(msgId ?? 0) + (7n << 12n)) });
}

function swapDeliveries(history: History, draws: SeededDraws): void {
  const { list, at } = visible(history, draws);
  const first = pick(at.slice(0, -100), draws);
  const { conversationId } = messageAt(list, first);
  const second = at.find((index) => index > first && list[index]?.message?.conversationId === conversationId);
  const [a, b] = [list[first], list[second ?? -1]];
  invariant(a !== undefined && b !== undefined && second !== undefined, NO_SUCH);
  list[first] = { ...b, offset: a.offset };
  list[second] = { ...a, offset: b.offset };
}

function strayConversation(history: History, draws: SeededDraws): void {
  const record = takeDelivery(history, draws);
  const other = (record.partition + 1) % history.delivery.length;
  const list = history.delivery[other] ?? [];
  list.push({
    ...record,
    partition: other,
    offset: (list.at(-1)?.offset ?? 0) + 1,
    laneEpoch: null,
    transaction: null,
  });
}

function swapSenderSeq(history: History, draws: SeededDraws): void {
  const { list, at } = visible(history, draws);
  // The number 1 after others may be a sender that began anew.
  const numbered = at.slice(0, -200).filter((index) => (list[index]?.message?.senderSeq ?? 0) > 1);
  const pairs = numbered.flatMap((first) => {
    const before = messageAt(list, first);
    const second = at.find((index) => {
      const message = list[index]?.message;
      const isOfSender = message?.conversationId === before.conversationId && message.senderId === before.senderId;
      return index > first && isOfSender && message.senderSeq === (before.senderSeq ?? 0) + 1;
    });
    // Half a day later it may be a sender that began anew, too.
    const isSoon = second !== undefined && (messageAt(list, second).sentAt ?? 0) - (before.sentAt ?? 0) < SOON_MS;
    return isSoon ? [{ first, second }] : [];
  });
  const { first, second } = pick(pairs, draws);
  const numbers = [messageAt(list, first).senderSeq, messageAt(list, second).senderSeq];
  alter(list, first, { senderSeq: numbers[1] ?? null });
  alter(list, second, { senderSeq: numbers[0] ?? null });
}

const SOON_MS = 60_000;

function callLate(history: History, draws: SeededDraws): void {
  const { list, at } = visible(history, draws);
  const due = at.filter((index) => list[index]?.message?.late === false && list[index].message.senderSeq !== 1);
  alter(list, pick(due, draws), { late: true });
}

/** Of one that has to say so: the first after a long silence may begin a new life of its sender's numbers as well. */
function concealLate(history: History, draws: SeededDraws): void {
  const { list, at } = visible(history, draws);
  const late = at.filter((index) => {
    const message = list[index]?.message;
    if (message?.late !== true || message.senderSeq === 1) return false;
    const isBefore = ({ message: other }: DeliveryRecord): boolean =>
      other?.conversationId === message.conversationId && other.senderId === message.senderId;
    const before = list.slice(0, index).findLast((one) => one.outcome === 'committed' && isBefore(one));
    return (message.sentAt ?? 0) - (before?.message?.sentAt ?? 0) < HALF_A_DAY_MS;
  });
  alter(list, pick(late, draws), { late: false });
}

/** Below everything near it, and the partition's still. */
function lowerMsgId(history: History, draws: SeededDraws): void {
  const { list, at } = visible(history, draws);
  const n = Math.floor(at.length / 2) + draws.below(Math.floor(at.length / 2));
  const { msgId } = messageAt(list, at[n]);
  alter(list, at[n] ?? -1, { msgId: String(BigInt(msgId ?? 0) - (1n << 42n)) });
}

function aborted(history: History, draws: SeededDraws): { list: DeliveryRecord[]; at: number } {
  const list = pick(
    history.delivery.filter((one) => one.some(({ outcome }) => outcome === 'aborted')),
    draws,
  );
  const at = list.flatMap(({ outcome }, index) => (outcome === 'aborted' ? [index] : []));
  return { list, at: pick(at, draws) };
}

function restampAborted(history: History, draws: SeededDraws): void {
  const { list, at } = aborted(history, draws);
  const { msgId, seq } = messageAt(list, at);
  alter(list, at, { msgId: String(BigInt(msgId ?? 0) + 1_000n), seq: seq + 1 });
}

function reuseAbortedId(history: History, draws: SeededDraws): void {
  const { list, at } = aborted(history, draws);
  alter(list, at, { clientMsgId: 'another' });
}

function restampRow(history: History, draws: SeededDraws): void {
  const rows = pick(history.rows, draws);
  const index = draws.below(rows.length);
  const row = rows[index];
  invariant(row !== undefined, NO_SUCH);
  rows[index] = { ...row, stampedAt: (row.stampedAt ?? 0) + 1 };
}

function dropEpoch(history: History, draws: SeededDraws): void {
  const { list, at } = visible(history, draws);
  setEpoch(list, pick(at.slice(1), draws), 0);
}

function dropAbortedEpoch(history: History, draws: SeededDraws): void {
  const { list, at } = aborted(history, draws);
  setEpoch(list, Math.max(at, 1), at === 0 ? -1 : 0);
}

function setEpoch(list: DeliveryRecord[], at: number, laneEpoch: number): void {
  const record = list[at];
  invariant(record !== undefined, NO_SUCH);
  list[at] = { ...record, laneEpoch };
}

function splitBatch(history: History, draws: SeededDraws): void {
  const found = visible(history, draws);
  const middle = middleOf(found, draws);
  const { transaction } = found.list[middle] ?? { transaction: null };
  found.list.forEach((record, index) => {
    const isSecondHalf = index >= middle && record.transaction === transaction;
    if (isSecondHalf) found.list[index] = { ...record, transaction: (transaction ?? 0) + 0.5 };
  });
}
