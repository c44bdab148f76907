#!/usr/bin/env node
import { watchOutput } from './output.js';
import { reportFailure } from './failure.js';
import { buildProgram } from './program.js';

/** What is still open after this long is not waited for: a command has its result and its exit code by then. */
const LINGER_MS = 2_000;

watchOutput();
process.on('uncaughtException', (error) => process.exit(reportFailure(error)));

try {
  await buildProgram().parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error);
}
setTimeout(() => {
  process.exit();
}, LINGER_MS).unref();
