/** Facts beside an event: ids, counts, durations. Never a body, never message text. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * One line per meaningful event. `event` is a short stable phrase ("lane taken over"); everything that varies is a
 * field. Pino stands behind it (pino.ts); rooms know only this.
 */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  child(fields: LogFields): Log;
}

const nothing = (): void => undefined;

/** Says nothing; for tests and for library users who bring no log. */
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silentLog };
