import { Option, type Command } from 'commander';
import { PlainProducer } from '../../kafka/plain-producer.js';
import { InorderError } from '../../errors.js';
import { AcknowledgedFile } from '../acknowledged-file.js';
import { connectKafka, openAdmin } from '../connect.js';
import { openContext, type CommandContext } from '../context.js';
import { namesMessage, type MessageFlags } from '../envelope-from-flags.js';
import { IngestWriter } from '../ingest-writer.js';
import { share, wholeNumber } from '../options.js';
import { produceLines } from '../produce-lines.js';
import { namesLoad, produceLoad, type LoadFlags } from '../produce-load.js';
import { produceOne } from '../produce-one.js';
import { withResources } from '../resources.js';

const HELP = `
One message:
  $ inorder produce --from alice --to bob --text "hello"
  $ inorder produce --from alice --group team --body '{"text":"hi","n":9007199254740993}' --client-msg-id a-1

JSON lines, one envelope each, sent as they are (bad ones are named and not sent; --force sends them too):
  $ inorder produce < messages.jsonl
  $ echo '{"senderId":"alice","receiverId":"bob","clientMsgId":"1","sentAt":1767225600000,"body":"hi"}' | inorder produce -

A synthetic load, acknowledged and counted (the same --seed again repeats the same messages: all duplicates):
  $ inorder produce --count 20000
  $ inorder produce --rate 3000 --count 90000 --conversations 1000 --duplicates 5% --bad 1% --seed 7
  $ inorder produce --rate 600 --reorder 10%  senders' messages out of their order: held, and put right
  $ inorder produce --rate 500                until Ctrl-C

What was acknowledged can be held against the topic later (each place as it comes, appended; several loads may share it):
  $ inorder produce --rate 3000 --acknowledged places.jsonl
  $ inorder check --acknowledged places.jsonl

Needs Kafka only. Records are keyed by conversation.`;

interface ProduceOptions extends MessageFlags, LoadFlags {
  readonly key?: string;
  readonly force?: boolean;
  readonly json?: boolean;
  readonly acknowledged?: string;
}

export function addProduce(program: Command): void {
  const command = program
    .command('produce')
    .description('send messages: one, JSON lines, or a synthetic load')
    .argument('[input]', '- reads JSON lines from standard input')
    .optionsGroup('One message:')
    .option('--from <senderId>', 'who sends it')
    .option('--to <receiverId>', 'to one person')
    .option('--group <groupId>', 'to a group')
    .option('--text <text>', 'body {"text": …}')
    .option('--body <json>', 'any JSON value as the body')
    .option('--meta <json>', 'a JSON object that is passed through')
    .option('--client-msg-id <id>', 'retry identity (a random one)')
    .option('--sent-at <ms>', "the sender's clock, ms since 1970 UTC (now)", wholeNumber(0))
    .option('--sender-seq <n>', "the sender's number", wholeNumber(0))
    .option('--prev-sender-seq <n>', "the sender's previous number in this conversation", wholeNumber(0))
    .option('--sender-epoch <n>', "the life of the sender's numbers", wholeNumber(0));
  command
    .optionsGroup('Synthetic load:')
    .option('--rate <n>', 'records a second (as fast as they are acknowledged)', wholeNumber(1, 1_000_000))
    .option('--count <n>', 'records in all (1000; with --rate until Ctrl-C)', wholeNumber(1))
    .option('--conversations <n>', 'conversations, some of them hot (100)', wholeNumber(1, 10_000_000))
    .option('--duplicates <share>', 'records that repeat an earlier message (0%)', share)
    .option('--bad <share>', 'records broken in one of the ways there are (0%)', share)
    .option('--reorder <share>', 'records that come after up to 200 later ones (0%)', share)
    .option('--seed <n>', 'repeatable: the same seed gives the same messages (random)', wholeNumber(0, 0xffff_ffff));
  command
    .optionsGroup('All:')
    .option('--key <key>', 'record key of a single message or of all lines (the conversation id)')
    .option('--force', 'send what is no valid envelope, too')
    .option('--acknowledged <file>', 'append the place of every record that Kafka acknowledged, as JSON lines')
    .addOption(new Option('--json', 'the result as one JSON object'))
    .addHelpText('after', HELP)
    .action(async (input: string | undefined, options: ProduceOptions) => {
      const kind = kindOf(input, options);
      const context = openContext('client');
      await withResources(context.log, async (resources) => {
        const kafka = connectKafka(context, 'produce');
        const noted = options.acknowledged === undefined ? null : AcknowledgedFile.open(options.acknowledged);
        resources.opened('acknowledged places', async () => noted?.close());
        const producer = new PlainProducer(kafka, context.log, (range) => noted?.add(range));
        resources.opened('producer', () => producer.close());
        const writer = await IngestWriter.open(openAdmin(kafka, resources), producer, context.settings.topics);
        await run(kind, { context, writer, options });
      });
    });
}

type Kind = 'one' | 'lines' | 'load';

function run(
  kind: Kind,
  { context, writer, options }: { context: CommandContext; writer: IngestWriter; options: ProduceOptions },
): Promise<void> {
  const { maxValueBytes } = context.settings;
  const common = { writer, maxValueBytes, json: options.json === true, force: options.force === true };
  const key = options.key === undefined ? null : Buffer.from(options.key, 'utf8');
  switch (kind) {
    case 'one':
      return produceOne(options, { ...common, key });
    case 'lines':
      return produceLines(process.stdin, { ...common, key });
    case 'load':
      return produceLoad(options, common);
  }
}

/** What is asked for. @throws InorderError usage where it is two things, or none */
function kindOf(input: string | undefined, options: ProduceOptions): Kind {
  if (input !== undefined && input !== '-') {
    throw new InorderError('usage', `only - (standard input) can be read, not ${input}: inorder produce < ${input}`);
  }
  const asked = new Set<Kind>();
  if (namesMessage(options)) asked.add('one');
  if (namesLoad(options)) asked.add('load');
  if (input === '-') asked.add('lines');
  if (asked.size === 0 && !process.stdin.isTTY) asked.add('lines');
  const [kind] = asked;
  if (kind === undefined) {
    throw new InorderError(
      'usage',
      'nothing to send: give --from … --text …, or JSON lines on standard input, or --count',
    );
  }
  if (asked.size > 1) {
    throw new InorderError('usage', `one thing at a time: the options name ${[...asked].join(' and ')} (see --help)`);
  }
  if (kind === 'load' && (options.key !== undefined || options.force === true)) {
    throw new InorderError('usage', '--key and --force are for single messages and lines');
  }
  return kind;
}
