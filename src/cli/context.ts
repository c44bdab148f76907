import { readSettings } from '../config/environment.js';
import type { Settings } from '../config/settings.js';
import type { Log } from '../observe/log.js';
import { createLog } from '../observe/pino.js';
import { armProcess } from './failpoints.js';
import { note } from './output.js';

/** What every command begins with: its settings, read and validated once, and a log. */
export interface CommandContext {
  readonly settings: Settings;
  readonly log: Log;
}

/**
 * A `service` runs until it is stopped and logs what it does; a `client` does one thing for a person, whose terminal
 * shows its result and nothing less than a warning. @throws InorderError config_invalid
 */
export function openContext(
  kind: 'service' | 'client',
  options: { pretty?: boolean | undefined } = {},
): CommandContext {
  const { settings, warnings } = readSettings();
  for (const warning of warnings) note(`warning: ${warning}`);
  const isTerminal = process.stderr.isTTY;
  const level = kind === 'client' && settings.logLevel === 'info' ? 'warn' : settings.logLevel;
  const pretty = options.pretty ?? isTerminal;
  const log = createLog({ level, pretty, color: settings.color && isTerminal });
  if (kind === 'service' && settings.failpoints !== null) armProcess(settings.failpoints, log);
  return { settings, log };
}
