// jest reporter: a plain last line for machines, and no silent hang where a test left something open.
const OPEN_LIMIT_MS = 60_000;

export default class ClosingLine {
  onRunComplete(_contexts, results) {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites } = results;
    // A file that could not be run at all has no tests to count, and is a failure.
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    const skipped = numPendingTests + numTodoTests;
    // At the exit: jest puts its own summary after every other reporter.
    process.once('exit', () =>
      process.stdout.write(`${numPassedTests} passed, ${failed} failed, ${skipped} skipped\n`),
    );
    setTimeout(failOfOpenHandles, OPEN_LIMIT_MS).unref();
  }
}

/** The timer does not keep the process alive; that it fires means that something else does. */
function failOfOpenHandles() {
  const open = [...new Set(process.getActiveResourcesInfo())].join(', ');
  const advice = 'find it with --detectOpenHandles';
  process.stderr.write(`still open ${OPEN_LIMIT_MS / 1_000} s after the last test: ${open}; ${advice}\n`);
  process.exit(1);
}
