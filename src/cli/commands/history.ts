import { Option, type Command } from 'commander';
import { InorderError } from '../../errors.js';
import { renderDelivery } from '../../protocol/delivery.js';
import type { ConversationId, Seq } from '../../protocol/ids.js';
import { readHistory } from '../../postgres/read-history.js';
import type { Database } from '../../postgres/database.js';
import { connectDatabase } from '../connect.js';
import { openContext } from '../context.js';
import { messageHead, messageLine } from '../message-line.js';
import { chosenConversation, wholeNumber, type ConversationChoice } from '../options.js';
import { note, outputClosed, outputWidth, print, printJsonBytes } from '../output.js';
import { withResources } from '../resources.js';

const HELP = `
Examples:
  $ inorder history group:team
  $ inorder history --between alice,bob --from-seq 100 --to-seq 200
  $ inorder history --group team --json > team.jsonl

Reads PostgreSQL. --json prints each message as im.delivery carries it, one a line.`;

const PAGE = 1_000;
const DEFAULT_LIMIT = 1_000;

interface HistoryOptions extends ConversationChoice {
  readonly fromSeq: number;
  readonly toSeq?: number;
  readonly limit: number;
  readonly json?: boolean;
}

export function addHistory(program: Command): void {
  program
    .command('history')
    .description('show the stored messages of one conversation')
    .argument('[conversation]', 'its id, such as group:team or single:alice:bob')
    .option('--group <groupId>', 'instead of the id')
    .option('--between <a,b>', 'instead of the id')
    .addOption(new Option('--from-seq <n>', 'first seq').argParser(wholeNumber(1)).default(1))
    .option('--to-seq <n>', 'last seq (the newest)', wholeNumber(1))
    .addOption(new Option('--limit <n>', 'at most this many').argParser(wholeNumber(1)).default(DEFAULT_LIMIT))
    .option('--json', 'one JSON object a line')
    .addHelpText('after', HELP)
    .action(async (conversation: string | undefined, options: HistoryOptions) => {
      const chosen = chosenConversation({ ...options, ...(conversation === undefined ? {} : { conversation }) });
      if (chosen === null) throw new InorderError('usage', 'which conversation? give its id, --group or --between');
      const context = openContext('client');
      await withResources(context.log, (resources) =>
        show(connectDatabase(context, 'history', resources), chosen, options),
      );
    });
}

/** Page by page, so that a long history neither fills the memory nor holds a connection. */
async function show(database: Database, conversationId: ConversationId, options: HistoryOptions): Promise<void> {
  const { toSeq = Number.MAX_SAFE_INTEGER, limit, json = false } = options;
  let fromSeq = options.fromSeq;
  let shown = 0;
  while (shown < limit && fromSeq <= toSeq && !outputClosed.aborted) {
    const page = await readHistory(database, {
      conversationId,
      fromSeq: fromSeq as Seq,
      toSeq: toSeq as Seq,
      limit: Math.min(PAGE, limit - shown),
    });
    if (shown === 0 && page.length > 0 && !json) print(messageHead());
    for (const message of page) {
      if (json) printJsonBytes(renderDelivery(message));
      else print(messageLine(message, outputWidth()));
    }
    const last = page.at(-1);
    if (last === undefined) break;
    shown += page.length;
    fromSeq = last.seq + 1;
  }
  if (json) return;
  if (shown === 0) note('no messages there');
  else if (shown === limit) note(`(the first ${limit}; --limit shows more, --from-seq ${fromSeq} goes on)`);
}
