/** Opens the servers for a command and remembers to close them. */
import type { CommandContext } from './context.js';
import { findBrokers, findDatabase } from './addresses.js';
import type { Resources } from './resources.js';
import { kafkaOptions, postgresOptions } from '../config/settings.js';
import { KafkaAdmin } from '../kafka/admin.js';
import { openKafka, type KafkaConnection } from '../kafka/connection.js';
import { openDatabase, type Database } from '../postgres/database.js';

/** Configures only: a broker that isn't there is noticed at the first request. @throws InorderError stack_not_found */
export function connectKafka({ settings, log }: CommandContext, role: string): KafkaConnection {
  return openKafka(kafkaOptions(settings, findBrokers(settings), role), log);
}

export function openAdmin(kafka: KafkaConnection, resources: Resources): KafkaAdmin {
  const admin = new KafkaAdmin(kafka);
  resources.opened('kafka admin', () => admin.close());
  return admin;
}

/** @throws InorderError stack_not_found */
export function connectDatabase({ settings, log }: CommandContext, role: string, resources: Resources): Database {
  const database = openDatabase(postgresOptions(settings, findDatabase(settings), role), log);
  resources.opened('postgres', () => database.close());
  return database;
}
