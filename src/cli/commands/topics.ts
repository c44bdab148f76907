import type { Command } from 'commander';
import { connectKafka, openAdmin } from '../connect.js';
import { openContext } from '../context.js';
import { ensureTopics, type TopicState } from '../ensure-topics.js';
import { note, print, printJson } from '../output.js';
import { withResources } from '../resources.js';
import { tableLines } from '../table.js';

const HELP = `
Examples:
  $ inorder topics                          create what is missing, show what is there
  $ INORDER_PARTITIONS=32 inorder topics    the first time: with 32 partitions
  $ inorder topics --json                   for a machine

Topics that exist are left as they are. im.ingest keeps 7 days, im.logic 7 days, im.delivery 30 days, im.dlq everything.`;

export function addTopics(program: Command): void {
  program
    .command('topics')
    .description('create the topics that are missing, and show them')
    .option('--json', 'one JSON array')
    .addHelpText('after', HELP)
    .action(async (options: { json?: boolean }) => {
      const context = openContext('client');
      await withResources(context.log, async (resources) => {
        const admin = openAdmin(connectKafka(context, 'topics'), resources);
        const states = await ensureTopics(admin, context.settings);
        if (options.json === true) printJson(states.map(jsonOf));
        else show(states);
      });
    });
}

function jsonOf({ spec, partitions, created }: TopicState): unknown {
  return { name: spec.name, partitions, created, config: spec.config };
}

function show(states: readonly TopicState[]): void {
  const columns = [
    { title: 'topic' },
    { title: 'partitions', align: 'right' as const },
    { title: 'keeps' },
    { title: 'largest batch', align: 'right' as const },
    { title: 'time' },
    { title: 'state' },
  ];
  const rows = states.map(({ spec: { name, config }, partitions, created }) => [
    name,
    partitions,
    retention(config['retention.ms']),
    `${(Number(config['max.message.bytes']) / 1_048_576).toFixed(1)} MiB`,
    config['message.timestamp.type'] === 'LogAppendTime' ? "broker's" : "producer's",
    created ? 'created' : 'there',
  ]);
  for (const line of tableLines(columns, rows)) print(line);
  if (states.some(({ created }) => !created))
    note('(limits are those that new topics get; what is there keeps its own)');
}

function retention(retentionMs: string | undefined): string {
  return retentionMs === '-1' ? 'everything' : `${Number(retentionMs) / 86_400_000} days`;
}
