import type { SequenceDisk } from './sequence-disk.js';
import { conversationLine, renderConversations } from './sequence-files.js';

/** Lines beyond twice the conversations before the file is written anew; bounds its size and the reading of it. */
const SPARE_LINES = 1_000;

/**
 * Which conversation got which number, appended before the number is handed out. A line is written, not synced: it
 * outlives the process. Only a power cut can take the last lines away; a number before that is too low then hides
 * a gap, and names no message that never was.
 */
export class ConversationJournal {
  readonly #disk: SequenceDisk;
  readonly #path: string;
  readonly #senderEpoch: number;
  #fd: number;
  #byteCount: number;
  #lineCount: number;
  #compactAt: number;
  /** A write that failed may have left half a line behind the last whole one. */
  #mustCut = false;

  private constructor(disk: SequenceDisk, path: string, senderEpoch: number, fd: number, size: JournalSize) {
    this.#disk = disk;
    this.#path = path;
    this.#senderEpoch = senderEpoch;
    this.#fd = fd;
    this.#byteCount = size.byteCount;
    this.#lineCount = size.lineCount;
    this.#compactAt = compactionPoint(size.lineCount);
  }

  /** Goes on with a file that was read whole. @throws what the file system throws */
  static open(disk: SequenceDisk, path: string, senderEpoch: number, size: JournalSize): ConversationJournal {
    return new ConversationJournal(disk, path, senderEpoch, disk.open(path), size);
  }

  /** Begins the file of a new epoch. @throws what the file system throws */
  static begin(disk: SequenceDisk, path: string, senderEpoch: number): ConversationJournal {
    const text = renderConversations(senderEpoch, new Map());
    const fd = disk.writeAside(path, text);
    try {
      disk.putInPlace(path);
    } catch (error) {
      disk.close(fd);
      throw error;
    }
    return new ConversationJournal(disk, path, senderEpoch, fd, { byteCount: Buffer.byteLength(text), lineCount: 0 });
  }

  /** @throws what the file system throws; then the line isn't there */
  append(senderSeq: number, conversationId: string): void {
    if (this.#mustCut) this.#disk.truncate(this.#fd, this.#byteCount);
    const line = conversationLine(senderSeq, conversationId);
    this.#mustCut = true;
    this.#disk.write(this.#fd, line, this.#byteCount);
    this.#mustCut = false;
    this.#byteCount += Buffer.byteLength(line);
    this.#lineCount += 1;
  }

  /** @throws what the file system throws */
  sync(): void {
    this.#disk.sync(this.#fd);
  }

  /**
   * Writes the file anew once most of its lines are overtaken. A disk without room for a second file puts that off.
   * @throws what the file system throws where the new file could not be put in place: the journal can't go on
   */
  compactIfDue(previous: ReadonlyMap<string, number>): void {
    if (this.#lineCount < this.#compactAt || this.#lineCount < 2 * previous.size) return;
    this.#compactAt = compactionPoint(this.#lineCount);
    const text = renderConversations(this.#senderEpoch, previous);
    let fd: number;
    try {
      fd = this.#disk.writeAside(this.#path, text);
    } catch {
      return;
    }
    const old = this.#fd;
    this.#fd = fd;
    this.#byteCount = Buffer.byteLength(text);
    this.#lineCount = previous.size;
    this.#compactAt = compactionPoint(previous.size);
    this.#disk.close(old);
    this.#disk.putInPlace(this.#path);
  }

  close(): void {
    this.#disk.close(this.#fd);
  }
}

export interface JournalSize {
  readonly byteCount: number;
  /** Without the first line, which holds the epoch. */
  readonly lineCount: number;
}

function compactionPoint(lineCount: number): number {
  return lineCount + SPARE_LINES;
}
