/**
 * Whom PostgreSQL runs as: it refuses to run as root. Where we are root it gets another user. Where that user may not
 * enter the folders on the way to its files (a checkout in /root, say), it runs in a user namespace of its own, in which
 * root bears the other user's name: it reaches what root reaches, and sees that it is not root.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, existsSync, statSync } from 'node:fs';
import { InorderError } from '../errors.js';
import type { RunAs } from './keeper.js';

export interface PostgresUser {
  /** null: as ourselves. */
  readonly runAs: RunAs | null;
  /** What to put before a command. */
  readonly prefix: readonly string[];
}

interface Candidate extends PostgresUser {
  /** Whose PostgreSQL's folder must be. */
  readonly owner: RunAs;
}

const ROOT: RunAs = { uid: 0, gid: 0 };
const COMMAND_TIMEOUT_MS = 10_000;

/**
 * @param folder PostgreSQL's folder in the data dir; it is made the user's own.
 * @param dataPath the data in it; where it exists, its owner is the user.
 * @param program which the user must be able to run.
 */
export function postgresUser(folder: string, dataPath: string, program: string): PostgresUser {
  if (process.getuid?.() !== 0) return { runAs: null, prefix: [] };
  const ids = idsOf('postgres') ?? createUser() ?? idsOf('nobody');
  const candidates = ids === null ? [] : [asOther(ids), inNamespace(ids)];
  const owner = existsSync(dataPath) ? statSync(dataPath) : null;
  const fitting = owner === null || owner.uid === 0 ? candidates : [asOther({ uid: owner.uid, gid: owner.gid })];
  for (const candidate of fitting) {
    if (owner !== null && owner.uid !== candidate.owner.uid) continue;
    chownSync(folder, candidate.owner.uid, candidate.owner.gid);
    if (canRun(candidate, program, folder)) return candidate;
  }
  throw new InorderError(
    'server_start_failed',
    `PostgreSQL does not run as root, and no other user can reach ${program} and ${folder}: put the project and ` +
      'INORDER_DATA_DIR where every user may enter, run as another user than root, or set DATABASE_URL to a PostgreSQL that runs already',
  );
}

function asOther(ids: RunAs): Candidate {
  return { runAs: ids, prefix: [], owner: ids };
}

function inNamespace({ uid, gid }: RunAs): Candidate {
  return { runAs: null, prefix: ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`, '--'], owner: ROOT };
}

function idsOf(name: string): RunAs | null {
  const [uid, gid] = ['-u', '-g'].map((flag) => {
    const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS });
    return status === 0 ? Number(stdout) : undefined;
  });
  return uid === undefined || gid === undefined ? null : { uid, gid };
}

function createUser(): RunAs | null {
  try {
    const options = { timeout: COMMAND_TIMEOUT_MS, stdio: 'ignore' } as const;
    execFileSync('useradd', ['--system', '--user-group', '--no-create-home', 'postgres'], options);
  } catch {
    return null;
  }
  return idsOf('postgres');
}

/** Tried, not deduced from modes: groups, access lists and mount options count too. */
function canRun({ runAs, prefix }: PostgresUser, program: string, folder: string): boolean {
  const attempts = [
    [program, '--version'],
    ['test', '-x', program],
    ['test', '-w', folder],
  ];
  return attempts.every((attempt) => {
    const [command = '', ...args] = [...prefix, ...attempt];
    return spawnSync(command, args, { ...runAs, cwd: '/', timeout: COMMAND_TIMEOUT_MS, stdio: 'ignore' }).status === 0;
  });
}
