/**
 * A keeper stands between this process and a server: a shell in a session of its own, so that a terminal's Ctrl-C does
 * not reach the server before the pipeline has drained, joined to us by a pipe. When the pipe closes, because we stop or
 * because we were killed, the keeper ends its server and then itself. Whoever kills the keeper too leaves a server
 * behind; the next start finds it by its pid (servers.ts).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { InorderError, messageOf } from '../errors.js';
import type { StopSteps } from './processes.js';

export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

export interface KeptCommand {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** null: as ourselves. */
  readonly runAs: RunAs | null;
  /** Where the server's output goes. */
  readonly logFd: number;
  readonly stopSteps: StopSteps;
}

export interface KeptServer {
  /** The server's own, not the keeper's. */
  readonly pid: number;
  /** How the server ended, in words ("ended by SIGKILL"). Never rejects. */
  readonly ended: Promise<string>;
  /** Asks the keeper to end its server; `ended` tells when that is done. */
  release(): void;
}

/**
 * `$1`: the steps of a stop, `signal:tenths` each; then the server's command. Tells the server's pid on its output; ends
 * with the server's exit code. The reader of the pipe is a process of its own, because the shell waits for the server.
 */
const SCRIPT = `# Keeps a server of inorder: ends it when the process that started it is gone.
steps=$1; shift
exec 3<&0 </dev/null
"$@" >&2 3<&- &
server=$!
echo "$server"
(
  while read -r _ <&3; do :; done
  for step in $steps; do
    kill -s "\${step%:*}" "$server" || exit 0
    tenths=\${step#*:}
    while [ "$tenths" -gt 0 ] && kill -0 "$server"; do sleep 0.1; tenths=$((tenths - 1)); done
  done
) >/dev/null 2>&1 &
reader=$!
exec 3<&-
wait "$server"
code=$?
kill "$reader" 2>/dev/null
exit "$code"
`;

/** Resolves once the server's process exists. @throws InorderError server_start_failed */
export async function keep({ command, runAs, logFd, stopSteps }: KeptCommand): Promise<KeptServer> {
  const steps = stopSteps
    .map(({ signal, waitMs }) => `${signal.replace('SIG', '')}:${Math.ceil(waitMs / 100)}`)
    .join(' ');
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'inorder-keeper', steps, ...command], {
    detached: true,
    // Anywhere the server's user may be; ours may be closed to it.
    cwd: '/',
    stdio: ['pipe', 'pipe', logFd],
    ...runAs,
  });
  const ended = endOf(child);
  const pid = await firstLine(child, ended);
  // The pipe breaks when the keeper goes first; `ended` tells that.
  child.stdin?.on('error', () => undefined);
  return { pid, ended, release: () => child.stdin?.destroy() };
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`did not run: ${messageOf(error)}`));
    child.once('exit', (code, signal) => {
      if (signal !== null) resolve(`lost its keeper (ended by ${signal})`);
      else resolve(code !== null && code > 128 ? `ended by signal ${code - 128}` : `ended with code ${code}`);
    });
  });
}

async function firstLine(child: ChildProcess, ended: Promise<string>): Promise<number> {
  const output = child.stdout;
  const line = new Promise<string>((resolve) => {
    if (output !== null) createInterface({ input: output }).once('line', resolve);
  });
  const first = await Promise.race([line, ended]);
  const pid = Number(first);
  if (Number.isInteger(pid) && pid > 0) return pid;
  throw new InorderError('server_start_failed', `the keeper of a server ${first}`);
}
