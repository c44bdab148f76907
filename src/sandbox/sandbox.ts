/**
 * A pipeline of a run's own on servers that others use, too: topics with a prefix, a schema, and stages as child
 * processes. Whatever was made is removed by `close`, also after half a start.
 */
import { randomBytes } from 'node:crypto';
import { environmentWith } from '../config/environment.js';
import type { Config } from '../config/settings.js';
import { topicSpecs } from '../config/topics.js';
import { KafkaAdmin, type TopicSpec } from '../kafka/admin.js';
import { openKafka, type KafkaConnection } from '../kafka/connection.js';
import type { Log } from '../observe/log.js';
import { openDatabase, type Database } from '../postgres/database.js';
import { migrate } from '../postgres/migrate.js';
import { topicNames, type TopicNames } from '../protocol/topics.js';
import { startChild, type StageChild } from './stage-child.js';

export interface SandboxOptions {
  /** Servers and limits as the pipeline would use them; topics and schema are the sandbox's own. */
  readonly config: Config;
  /** A word for the names of what is made. */
  readonly purpose: string;
  /** The built `cli/main.js`. */
  readonly mainPath: string;
  /** Variables that every child gets, beside this process's own. */
  readonly childEnvironment?: Readonly<Record<string, string>>;
  readonly log: Log;
}

export class Sandbox {
  readonly prefix: string;
  readonly topics: TopicNames;
  readonly kafka: KafkaConnection;
  readonly admin: KafkaAdmin;
  /** In the sandbox's schema. */
  readonly database: Database;
  /** Of the sandbox's own reader. */
  readonly readerGroupId: string;
  readonly #options: SandboxOptions;
  readonly #databaseUrl: string;
  readonly #root: Database;
  readonly #children: StageChild[] = [];
  #topicsToDelete: string[] = [];

  /** Connects nothing. */
  constructor(options: SandboxOptions) {
    const { config, purpose, log } = options;
    this.#options = options;
    this.prefix = `${purpose}-${randomBytes(4).toString('hex')}`;
    this.topics = topicNames(this.prefix);
    this.readerGroupId = `inorder.${this.prefix}.${purpose}`;
    this.kafka = openKafka(config.kafka, log);
    this.admin = new KafkaAdmin(this.kafka);
    this.#databaseUrl = withSchema(config.postgres.url, this.prefix);
    this.#root = openDatabase(config.postgres, log);
    this.database = openDatabase({ ...config.postgres, url: this.#databaseUrl }, log);
  }

  /** The stages that were started and live on. */
  get children(): readonly StageChild[] {
    return this.#children;
  }

  /** Topics and tables. @throws InorderError */
  async prepare(moreTopics: readonly TopicSpec[] = []): Promise<void> {
    const { config, log } = this.#options;
    const { partitions, maxValueBytes } = config;
    const specs = [...topicSpecs({ topics: this.topics, partitions, maxValueBytes }), ...moreTopics];
    this.#topicsToDelete = specs.map(({ name }) => name);
    await this.admin.ensureTopics(specs);
    await this.#root.query({ text: `CREATE SCHEMA "${this.prefix}"` });
    await migrate(this.database, log);
  }

  /** A stage that runs until `close`. */
  startStage(name: string, stage: string): StageChild {
    const child = this.startCommand(name, ['run', stage]);
    this.#children.push(child);
    return child;
  }

  /** A command that ends by itself; whoever starts it waits for it. */
  startCommand(name: string, args: readonly string[]): StageChild {
    const { config, mainPath, childEnvironment = {} } = this.#options;
    const environment = environmentWith({
      KAFKA_BROKERS: config.kafka.brokers.join(','),
      DATABASE_URL: this.#databaseUrl,
      INORDER_TOPIC_PREFIX: this.prefix,
      INORDER_HTTP_PORT: '0',
      LOG_LEVEL: 'warn',
      ...childEnvironment,
    });
    return startChild(name, mainPath, args, environment);
  }

  /** Stops the stages and removes what was made. Never rejects. */
  async close(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop()));
    const groups = ['ingest', 'logic'].map((stage) => `inorder.${this.prefix}.${stage}`);
    for (const group of [...groups, this.readerGroupId]) {
      await this.admin.deleteGroup(group).catch(() => undefined); // not begun yet
    }
    await this.admin.deleteTopics(this.#topicsToDelete).catch(() => undefined);
    await this.#root.query({ text: `DROP SCHEMA IF EXISTS "${this.prefix}" CASCADE` }).catch(() => undefined);
    await this.admin.close();
    await this.database.close();
    await this.#root.close();
  }
}

function withSchema(url: string, schema: string): string {
  const changed = new URL(url);
  changed.searchParams.set('options', `-c search_path="${schema}"`);
  return changed.toString();
}
