import { withoutPassword } from '../config/environment.js';
import type { ServerAddresses, Settings } from '../config/settings.js';
import { stackPath } from '../config/stack-file.js';
import { resolve } from 'node:path';

/** What a person needs next, once everything runs. */
export function bannerLines(settings: Settings, { brokers, databaseUrl }: ServerAddresses, httpUrl: string): string[] {
  const { ingest, logic, delivery, dlq } = settings.topics;
  const command = `${environmentPrefix(settings)}npx inorder`;
  return [
    '',
    'Inorder is ready.',
    '',
    `  Kafka       ${brokers.join(',')}   ${ingest} → ${logic} → ${delivery}, ${dlq}`,
    `  PostgreSQL  ${withoutPassword(databaseUrl)}   (with its password: ${stackPath(settings.dataDir)})`,
    `  HTTP        ${httpUrl}   /healthz /readyz /metrics`,
    '',
    'In another terminal:',
    `  ${command} produce --from alice --to bob --text "hello"`,
    `  ${command} tail --from-beginning`,
    `  ${command} history --between alice,bob`,
    `  ${command} produce --rate 500 --duplicates 5% --bad 1%`,
    `  ${command} dlq list`,
    '',
    'Any Kafka client will do:',
    `  kcat -b ${brokers.join(',')} -C -t ${delivery} -X isolation.level=read_committed`,
    '',
    'Ctrl-C drains and stops.',
    '',
  ];
}

/** The settings without which a command in another terminal would look elsewhere. */
export function environmentPrefix(settings: Settings): string {
  const differs: string[] = [];
  if (settings.dataDir !== resolve('.inorder')) differs.push(`INORDER_DATA_DIR=${settings.dataDir}`);
  if (settings.topicPrefix !== 'im') differs.push(`INORDER_TOPIC_PREFIX=${settings.topicPrefix}`);
  return differs.map((one) => `${one} `).join('');
}
