/**
 * The sender's numbers in a file that outlives the process, the power and a reinstall of the application.
 *
 * Never twice: numbers are reserved in blocks, synced to disk before the first of a block is handed out, and a store
 * that finds a reservation goes on behind it. Exact previous numbers: each number is in the journal before it is handed
 * out, so a process that was killed leaves them complete. What can't be trusted begins a new epoch (judge-opening.ts).
 */
import { InorderError, messageOf } from '../../errors.js';
import { takeOwnerLock, type OwnerLock } from '../../files/owner-lock.js';
import { Numbering } from '../numbering.js';
import type { SenderNumbers, SequenceStore } from '../sequence-store.js';
import { ConversationJournal } from './conversation-journal.js';
import { judgeOpening, type Opened } from './judge-opening.js';
import { systemDisk, type SequenceDisk } from './sequence-disk.js';
import { readConversations, readReservation, renderReservation } from './sequence-files.js';

export interface FileSequenceStoreOptions {
  /** Numbers reserved by one synced write; 1,000 unless given. A crash leaves at most so many unused. */
  readonly blockSize?: number;
  /** For tests. */
  readonly disk?: SequenceDisk;
}

const DEFAULT_BLOCK_SIZE = 1_000;
const LARGEST_BLOCK_SIZE = 1_000_000;
const LARGEST_RESERVATION_BYTES = 4_096;
/** About a million conversations. */
const LARGEST_JOURNAL_BYTES = 256 * 1024 * 1024;
const LONGEST_CONVERSATION_ID = 2_048;

export class FileSequenceStore implements SequenceStore {
  /** How this life began: fresh, continued, or in a new epoch because the files were lost or damaged. */
  readonly opened: Opened;
  readonly #path: string;
  readonly #disk: SequenceDisk;
  readonly #blockSize: number;
  readonly #release: () => void;
  readonly #numbering: Numbering;
  readonly #journal: ConversationJournal;
  #reservedTo: number;
  /** What the reservation file may hold, if nobody but us wrote it: the last text, and one whose writing failed. */
  #ours: readonly [string | null, string?];
  #state: 'open' | 'failed' | 'closed' = 'open';

  /** Under the lock; see `open`. */
  private constructor(path: string, blockSize: number, disk: SequenceDisk, release: () => void) {
    const journalPath = `${path}.conversations`;
    const text = disk.read(path, LARGEST_RESERVATION_BYTES);
    const conversations = readConversations(disk.read(journalPath, LARGEST_JOURNAL_BYTES));
    const reservation = readReservation(text);
    const { opened, senderEpoch, lastSeq, previous } = judgeOpening(reservation, conversations, Date.now());
    if (!Number.isSafeInteger(senderEpoch)) {
      throw failed(`there is no epoch above that of ${path}: delete it and ${journalPath}`);
    }
    this.opened = opened;
    this.#path = path;
    this.#disk = disk;
    this.#blockSize = blockSize;
    this.#release = release;
    this.#numbering = new Numbering(senderEpoch, lastSeq, previous);
    this.#reservedTo = lastSeq;
    this.#ours = [text];
    if (reservation.kind === 'broken') {
      // Kept for whoever wants to know; a sound one stays until it is replaced, for the epoch in it.
      disk.rename(path, `${path}.damaged`);
      this.#ours = [null];
    }
    this.#journal =
      opened.kind === 'continued' && conversations.kind === 'sound'
        ? ConversationJournal.open(disk, journalPath, senderEpoch, conversations)
        : ConversationJournal.begin(disk, journalPath, senderEpoch);
    try {
      this.#reserve(lastSeq + blockSize);
    } catch (error) {
      this.#journal.close();
      throw error;
    }
  }

  /**
   * Opens the sequence file, or begins it; `opened` says which. Its folder must exist; beside it lie
   * `<path>.conversations` and, while it is open, `<path>.lock`.
   * @throws InorderError usage | sequence_store_busy: another process has it open | sequence_store_failed: the files
   * can't be read or written
   */
  static async open(path: string, options: FileSequenceStoreOptions = {}): Promise<FileSequenceStore> {
    const { blockSize = DEFAULT_BLOCK_SIZE, disk = systemDisk } = options;
    if (typeof path !== 'string' || path === '')
      throw new InorderError('usage', 'the path of a sequence file is empty');
    if (!Number.isInteger(blockSize) || blockSize < 1 || blockSize > LARGEST_BLOCK_SIZE) {
      throw new InorderError('usage', `blockSize is ${blockSize}: expected an integer from 1 to ${LARGEST_BLOCK_SIZE}`);
    }
    const release = lock(path);
    try {
      return new FileSequenceStore(path, blockSize, disk, release);
    } catch (error) {
      release();
      throw error instanceof InorderError ? error : failed(`could not open the sequence file ${path}`, error);
    }
  }

  /** @throws InorderError usage | sequence_store_failed: no number was handed out, and the next call may succeed */
  async next(conversationId: string): Promise<SenderNumbers> {
    this.#assertUsable();
    assertConversationId(conversationId);
    const numbers = this.#numbering.peek(conversationId);
    if (numbers.senderSeq > this.#reservedTo) this.#reserve(this.#reservedTo + this.#blockSize);
    try {
      this.#journal.append(numbers.senderSeq, conversationId);
    } catch (error) {
      throw failed(`could not write ${this.#path}.conversations; no number was handed out`, error);
    }
    this.#numbering.take(conversationId, numbers);
    this.#compact();
    return numbers;
  }

  /**
   * Gives back the numbers that were reserved and not used, and the lock. The next life goes on in the same epoch; so it
   * does without a close, only further on. @throws InorderError sequence_store_failed: closed, its numbers not given back
   */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    try {
      if (this.#state === 'open') this.#reserve(this.#numbering.lastSeq);
    } finally {
      this.#state = 'closed';
      this.#journal.close();
      this.#release();
    }
  }

  /** On return the numbers up to `reservedTo` are ours, whatever happens. */
  #reserve(reservedTo: number): void {
    const text = renderReservation({ senderEpoch: this.#numbering.senderEpoch, reservedTo });
    try {
      this.#assertOurs();
      this.#journal.sync();
      this.#ours = [this.#ours[0], text];
      this.#disk.close(this.#disk.writeAside(this.#path, text));
      this.#disk.putInPlace(this.#path);
    } catch (error) {
      if (error instanceof InorderError) throw error;
      throw failed(`could not reserve numbers in ${this.#path}; no number was handed out`, error);
    }
    this.#ours = [text];
    this.#reservedTo = reservedTo;
  }

  /** The lock can't see everybody (another container on the same volume): what another wrote ends us. */
  #assertOurs(): void {
    const [last, attempted] = this.#ours;
    const found = this.#disk.read(this.#path, LARGEST_RESERVATION_BYTES);
    if (found === last || (found !== null && found === attempted)) return;
    this.#state = 'failed';
    throw failed(`${this.#path} was changed or removed by somebody else; close this store and open it again`);
  }

  #compact(): void {
    try {
      this.#journal.compactIfDue(this.#numbering.previous);
    } catch {
      // The number just taken is safe; what comes after it could be written to a file that nobody finds.
      this.#state = 'failed';
    }
  }

  #assertUsable(): void {
    if (this.#state === 'open') return;
    if (this.#state === 'closed') throw new InorderError('usage', `the sequence store of ${this.#path} is closed`);
    throw failed(`the sequence store of ${this.#path} failed before; close it and open it again`);
  }
}

function lock(path: string): () => void {
  let taken: OwnerLock;
  try {
    taken = takeOwnerLock(`${path}.lock`);
  } catch (error) {
    throw failed(`could not lock the sequence file ${path}`, error);
  }
  switch (taken.kind) {
    case 'owned':
      return taken.release;
    case 'held': {
      const who = taken.byPid === process.pid ? 'in this process' : `in process ${taken.byPid}`;
      throw new InorderError('sequence_store_busy', `the sequence file ${path} is already open ${who}`);
    }
    case 'contended':
      throw new InorderError('sequence_store_busy', `the lock of ${path} changes hands faster than it can be read`);
  }
}

function assertConversationId(conversationId: string): void {
  if (typeof conversationId !== 'string' || conversationId === '' || conversationId.length > LONGEST_CONVERSATION_ID) {
    throw new InorderError('usage', `a conversation id is a string of 1 to ${LONGEST_CONVERSATION_ID} characters`);
  }
}

function failed(what: string, cause?: unknown): InorderError {
  const message = cause === undefined ? what : `${what}: ${messageOf(cause)}`;
  return new InorderError('sequence_store_failed', message, { cause });
}
