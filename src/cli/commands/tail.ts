import type { Command } from 'commander';
import { messageOf } from '../../errors.js';
import { parseDelivery } from '../../protocol/delivery.js';
import type { KafkaRecord } from '../../record.js';
import { connectKafka, openAdmin } from '../connect.js';
import { openContext } from '../context.js';
import { messageHead, messageLine } from '../message-line.js';
import { chosenConversation, wholeNumber, type ConversationChoice } from '../options.js';
import { note, outputClosed, outputWidth, print, printJsonBytes } from '../output.js';
import { withResources } from '../resources.js';
import { watchStopSignals } from '../signals.js';
import { visible } from '../terminal-text.js';
import { readTopic } from '../topic-reader.js';

const HELP = `
Examples:
  $ inorder tail                              from now on, all conversations, until Ctrl-C
  $ inorder tail --from-beginning --count 20
  $ inorder tail --between alice,bob
  $ inorder tail --group team --json | jq .body

Reads im.delivery as any read-committed consumer would, in a group of its own that it deletes at the end; needs Kafka
only. --json prints each record's value as it is, one a line. The order within a conversation is the final one;
between conversations it is the order of arrival here.`;

interface TailOptions extends ConversationChoice {
  readonly fromBeginning?: boolean;
  readonly count?: number;
  readonly json?: boolean;
}

export function addTail(program: Command): void {
  program
    .command('tail')
    .description('show messages as they are delivered')
    .option('--conversation <id>', 'only this conversation, such as group:team')
    .option('--group <groupId>', "only this group's")
    .option('--between <a,b>', 'only those between two people')
    .option('--from-beginning', 'what was delivered before, too')
    .option('--count <n>', 'end after this many', wholeNumber(1))
    .option('--json', "each record's value, one a line")
    .addHelpText('after', HELP)
    .action(async (options: TailOptions) => {
      const conversationId = chosenConversation(options);
      const context = openContext('client');
      const stop = watchStopSignals({ onForce: () => undefined });
      await withResources(context.log, async (resources) => {
        const kafka = connectKafka(context, 'tail');
        const { settings } = context;
        await readTopic({
          kafka,
          admin: openAdmin(kafka, resources),
          topic: settings.topics.delivery,
          purpose: 'tail',
          from: options.fromBeginning === true ? 'beginning' : 'now',
          until: 'stopped',
          stop: AbortSignal.any([stop.signal, outputClosed]),
          sessionTimeoutMs: settings.sessionTimeoutMs,
          heartbeatIntervalMs: settings.heartbeatIntervalMs,
          log: context.log,
          onReady: () => begin(options),
          onRecord: shower(options, conversationId === null ? null : Buffer.from(conversationId, 'utf8')),
        });
      });
      stop.release();
    });
}

function begin(options: TailOptions): void {
  if (options.json === true) return;
  if (options.fromBeginning !== true && process.stderr.isTTY) note('waiting for messages (Ctrl-C ends)');
  print(messageHead());
}

/** Shows records, and says when enough were shown. */
function shower({ count, json }: TailOptions, key: Buffer | null): (record: KafkaRecord) => 'more' | 'enough' {
  let shown = 0;
  return (record) => {
    if (key !== null && record.key?.equals(key) !== true) return 'more';
    if (json !== true) print(lineOf(record));
    else if (record.value !== null) printJsonBytes(record.value);
    shown += 1;
    return shown === count ? 'enough' : 'more';
  };
}

/** Whoever may write to the topic may write anything: what is no message is shown as such, and reading goes on. */
function lineOf(record: KafkaRecord): string {
  try {
    return messageLine(parseDelivery(record), outputWidth());
  } catch (error) {
    return visible(messageOf(error));
  }
}
