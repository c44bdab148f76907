/** The demo's report as a person reads it, in 80 columns whatever the script of the text; and as JSON. Pure. */
import type { ShownLine } from '../demo/orders.js';
import type { DemoReport, OrderCounts } from '../demo/report.js';
import { grouped } from './progress.js';
import { tableLines } from './table.js';
import { displayWidth, padEnd, padStart, shortened, visible } from './terminal-text.js';

export interface PictureOptions {
  /** From the command to its result, servers included. */
  readonly tookMs: number;
  readonly color: boolean;
}

type Paint = (text: string) => string;
type Color = 'red' | 'yellow' | 'green' | 'dim' | 'bold';
const CODES: Readonly<Record<Color, number>> = { red: 31, yellow: 33, green: 32, dim: 2, bold: 1 };

const LEFT_WIDTH = 37;
const BETWEEN = '   ';
const RIGHT_WIDTH = 40;
const SEQ_WIDTH = 2;
const MARK = { inverted: '✗', double: '=', late: '↑' } as const;

/** Lines without their ends. */
export function demoLines(report: DemoReport, { tookMs, color }: PictureOptions): string[] {
  const paint =
    (name: Color): Paint =>
    (text) =>
      color && text !== '' ? `\u001b[${CODES[name]}m${text}\u001b[0m` : text;
  return [
    ...headLines(report, paint),
    '',
    ...pictureLines(report, paint),
    '',
    ...countLines(report),
    '',
    ...eventLines(report),
    '',
    ...verdictLines(report, tookMs, paint),
  ];
}

type Painter = (name: Color) => Paint;

function headLines(report: DemoReport, paint: Painter): string[] {
  const { messages, chats, senders, copies, largestClientClockMs, serverClockMs, seed } = report;
  const slowestMs = Math.max(...serverClockMs.map(Math.abs));
  return [
    paint('bold')(`${senders} people, ${chats} conversations, ${messages} messages`) + paint('dim')(`   seed ${seed}`),
    `  clients   clocks wrong by minutes; one writes local time for UTC (${hours(largestClientClockMs)} off)`,
    `  network   delays, shuffles, and doubled ${copies} of the messages`,
    `  servers   two take the messages in; the clock of one is ${seconds(slowestMs)} slow`,
  ];
}

function pictureLines({ shown }: DemoReport, paint: Painter): string[] {
  const names = [...shown.byArrival, ...shown.byInorder].map(({ message }) => displayWidth(visible(message.sender)));
  const nameWidth = Math.min(12, Math.max(...names));
  const left = shown.byArrival.map((line) => leftLine(line, nameWidth, paint));
  const right = shown.byInorder.flatMap((line) => [
    ...(line.seq === shown.takenOverAtSeq ? [between('kill -9 of the worker', paint)] : []),
    ...(line.seq === shown.newEpochAtSeq ? [between(`${line.message.sender} lost the sequence file`, paint)] : []),
    rightLine(line, nameWidth, paint),
  ]);
  const rows = Array.from({ length: Math.max(left.length, right.length) }, (_, at) =>
    `${left[at] ?? ' '.repeat(LEFT_WIDTH)}${BETWEEN}${right[at] ?? ''}`.trimEnd(),
  );
  return [
    paint('bold')(`${padEnd('SORTED BY ARRIVAL TIME', LEFT_WIDTH)}${BETWEEN}INORDER`),
    paint('dim')(`${'─'.repeat(LEFT_WIDTH)}${BETWEEN}${'─'.repeat(RIGHT_WIDTH)}`),
    ...rows,
    paint('dim')(
      `${MARK.inverted} below what came after it   ${MARK.double} shown twice   ${MARK.late} late, and put back`,
    ),
  ];
}

function leftLine({ message, isInverted, isDouble }: ShownLine, nameWidth: number, paint: Painter): string {
  const mark = isInverted ? MARK.inverted : isDouble ? MARK.double : ' ';
  const text = spoken(message, nameWidth, LEFT_WIDTH - 2);
  const line = padEnd(`${mark} ${text}`, LEFT_WIDTH);
  return isInverted ? paint('red')(line) : isDouble ? paint('yellow')(line) : line;
}

function rightLine(
  { message, isInverted, isLate, isDouble, seq }: ShownLine,
  nameWidth: number,
  paint: Painter,
): string {
  const isWrong = isInverted && !isLate;
  const mark = isWrong ? MARK.inverted : isDouble ? MARK.double : isLate ? MARK.late : ' ';
  const number = padStart(String(seq ?? ''), SEQ_WIDTH);
  const text = spoken(message, nameWidth, RIGHT_WIDTH - SEQ_WIDTH - 3);
  if (isWrong || isDouble) return paint('red')(`${number} ${mark} ${text}`);
  return `${paint('dim')(number)} ${paint('green')(mark)} ${text}`;
}

function spoken({ sender, text }: ShownLine['message'], nameWidth: number, width: number): string {
  const name = padEnd(shortened(visible(sender), nameWidth), nameWidth);
  return `${name}  ${shortened(visible(text), width - nameWidth - 2)}`;
}

function between(what: string, paint: Painter): string {
  const begin = `── ${shortened(visible(what), RIGHT_WIDTH - 5)} `;
  return paint('dim')(begin + '─'.repeat(Math.max(0, RIGHT_WIDTH - displayWidth(begin))));
}

function countLines({ chats, byArrival, byClientClock, byInorder }: DemoReport): string[] {
  const right = 'right' as const;
  const row = (title: string, of: (counts: OrderCounts) => number): string[] => [
    title,
    ...[byArrival, byClientClock, byInorder].map((counts) => grouped(of(counts))),
  ];
  return tableLines(
    [
      { title: `all ${chats} conversations, sorted by` },
      { title: 'arrival time', align: right },
      { title: "clients' clocks", align: right },
      { title: 'Inorder', align: right },
    ],
    [
      row('inversions', ({ inversions }) => inversions),
      row('shown twice', ({ doubled }) => doubled),
      row('lost', ({ lost }) => lost),
      ['late, and marked so', '-', '-', grouped(byInorder.late)],
    ],
  );
}

function eventLines({ kill, loss, windowMs, byInorder }: DemoReport): string[] {
  const { late, putBack } = byInorder;
  return [
    ...(kill === null ? [] : killLines(kill)),
    ...(loss === null ? [] : [`lost     ${loss.sender}'s sequence file, deleted: a new epoch of numbers began`]),
    ...(late === 0
      ? []
      : [
          `late     ${late} more than ${windowMs} ms after their turn: ${putBack} put back by the timeline of`,
          `         a single chat, ${late - putBack} marked late where they stand in a group`,
        ]),
  ];
}

function killLines({
  pid,
  lanes,
  afterMs,
  firstDeliveryMs,
  sessionTimeoutMs,
}: NonNullable<DemoReport['kill']>): string[] {
  const first =
    firstDeliveryMs === null ? 'deliver nothing more' : `deliver again ${grouped(firstDeliveryMs)} ms later`;
  return [
    `killed   logic worker ${pid} by kill -9, ${seconds(afterMs)} in: its ${lanes.length} lanes`,
    `         ${first} (silence is death after ${grouped(sessionTimeoutMs)} ms)`,
  ];
}

function verdictLines(report: DemoReport, tookMs: number, paint: Painter): string[] {
  const { passed, messages, byInorder, byArrival, check } = report;
  const time = paint('dim')(`(${seconds(tookMs)} in all)`);
  if (passed) {
    return [
      `${paint('green')('PASS')}  ${messages} of ${messages} messages delivered once, in one order, the same in Kafka and`,
      `      PostgreSQL; no inversion, where arrival time made ${byArrival.inversions}`,
      `      \`inorder check\`, which shares no code with it: ${check}  ${time}`,
    ];
  }
  const { inversions, doubled, lost, outOfSequence, storedOtherwise } = byInorder;
  return [
    `${paint('red')('FAIL')}  ${inversions} inverted, ${doubled} doubled, ${lost} lost, ${outOfSequence} out of sequence,`,
    `      ${storedOtherwise} otherwise in PostgreSQL`,
    `      \`inorder check\`, which shares no code with it: ${check}  ${time}`,
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function hours(ms: number): string {
  return `${Math.round(ms / 3_600_000)} h`;
}

/** For machines: the same figures, and the two columns of the picture. */
export function demoJson(report: DemoReport, tookMs: number): object {
  const { shown, ...figures } = report;
  const lineOf = ({ message, ...line }: ShownLine): object => {
    return { clientMsgId: message.clientMsgId, senderId: message.sender, text: message.text, ...line };
  };
  const { byArrival, byInorder, ...rest } = shown;
  const picture = { ...rest, byArrival: byArrival.map(lineOf), byInorder: byInorder.map(lineOf) };
  return { ...figures, tookMs, shown: picture };
}
