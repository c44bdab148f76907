import { InvalidArgumentError, type Command } from 'commander';
import type { Position } from '../dead-letters.js';
import { moment, wholeNumber } from '../options.js';
import { listDeadLetters, type ListOptions } from './dlq-list.js';
import { replayDeadLetters, type ReplayOptions } from './dlq-replay.js';
import { showDeadLetter, type ShowOptions } from './dlq-show.js';

const LIST_HELP = `
Examples:
  $ inorder dlq list                                     the newest, and how many of each reason
  $ inorder dlq list --reason not_json --since 2h
  $ inorder dlq list --json --limit 1000000 | jq -r .reason | sort | uniq -c`;

const SHOW_HELP = `
Examples:
  $ inorder dlq show 3:1207                 by its place in the dead letter topic, as the list shows it
  $ inorder dlq show --place 0:99           by the place of the original record in the ingest topic
  $ inorder dlq show 3:1207 --json | jq -r .value.base64 | base64 -d > record.bin`;

const REPLAY_HELP = `
Examples:
  $ inorder dlq replay --reason too_large            says what would be sent, sends nothing
  $ inorder dlq replay --reason too_large --yes      after the limit was raised, say
  $ inorder dlq replay 3:1207 3:1208 --yes

Sends the original bytes, key and headers to the ingest topic again, once for each original record. Left out are dead
letters that never were records of that topic, and those of reason handler_failed: their messages are stored and
delivered already. Mend the handler, and let it read the delivery topic (or inorder history) again.`;

const DEFAULT_LIMIT = 50;

export function addDlq(program: Command): void {
  const dlq = program.command('dlq').description('look at dead letters, and send them again');
  withFilters(dlq.command('list').description('the newest dead letters, and a summary by reason'))
    .option('--limit <n>', 'show at most this many', wholeNumber(1), DEFAULT_LIMIT)
    .option('--json', 'one JSON object a line')
    .addHelpText('after', LIST_HELP)
    .action((options: ListOptions) => listDeadLetters(options));
  dlq
    .command('show')
    .description('one dead letter, whole')
    .argument('[partition:offset]', 'its place in the dead letter topic', position)
    .option('--place <partition:offset>', "the original record's place in the ingest topic", position)
    .option('--json', 'one JSON object, bytes in base64')
    .addHelpText('after', SHOW_HELP)
    .action((at: Position | undefined, options: ShowOptions) => showDeadLetter(at, options));
  withFilters(dlq.command('replay').description('send dead letters to the ingest topic again'))
    .argument('[partition:offset...]', 'places in the dead letter topic', collectPosition)
    .option('--all', 'all there are')
    .option('--yes', 'really send')
    .option('--json', 'the result as one JSON object')
    .addHelpText('after', REPLAY_HELP)
    .action((at: readonly Position[], options: ReplayOptions) => replayDeadLetters(at, options));
}

function withFilters(command: Command): Command {
  return command
    .option('--reason <code>', 'only of this reason (may be repeated)', collect)
    .option('--since <moment>', 'only those refused since: 2026-01-31T12:00:00Z, 30s, 15m, 2h, 7d', (text) =>
      moment(text),
    )
    .option('--place <partition:offset>', "only this original record's, by its place in the ingest topic", position);
}

function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

function collectPosition(text: string, before: readonly Position[] | undefined): readonly Position[] {
  return [...(before ?? []), position(text)];
}

function position(text: string): Position {
  const [, partition, offset] = /^(\d{1,6}):(\d{1,15})$/.exec(text) ?? [];
  if (partition === undefined) throw new InvalidArgumentError('A place is needed, such as 3:1207.');
  return { partition: Number(partition), offset: Number(offset) };
}
