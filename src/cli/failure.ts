import { CommanderError } from 'commander';
import { isDebugging } from '../config/environment.js';
import { InorderError, messageOf } from '../errors.js';
import { note } from './output.js';

const USAGE_EXIT_CODE = 2;
const BUG_EXIT_CODE = 70;

/**
 * Says what went wrong in one `error:` line (and, with LOG_LEVEL=debug, where) and answers the exit code. It is the
 * last line a process writes.
 */
export function reportFailure(thrown: unknown): number {
  // Commander has said what it has to say; --help and --version come this way too, with 0.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
  if (isDebugging() && thrown instanceof Error) note(stackOf(thrown));
  if (thrown instanceof InorderError) {
    note(`error: ${thrown.message}`);
    return thrown.exitCode;
  }
  note(`error: ${messageOf(thrown)} (this is a bug of inorder; LOG_LEVEL=debug shows where)`);
  return BUG_EXIT_CODE;
}

function stackOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\n  caused by ${stackOf(error.cause)}` : own;
}
