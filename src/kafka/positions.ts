/** Topic → partitions, as a group assigned them. */
export type Assignment = ReadonlyMap<string, readonly number[]>;

interface Position {
  /** The next offset to hand out; null until a seek or the first fetch says where to begin. */
  next: number | null;
  paused: boolean;
}

/**
 * Where a source reads, per assigned partition: the one truth about offsets, pauses and seeks. kafkajs keeps its own,
 * which survive a rejoin (a seek meant for an ownership that is over is applied to the next one) and which it sometimes
 * commits. Pure; each generation of the group begins with none of the last one's pauses and seeks.
 */
export class Positions {
  readonly #topics = new Map<string, Map<number, Position>>();
  #generation = 0;

  /** Grows with each `begin`; what was asked for in an earlier generation is not accepted in a later one. */
  get generation(): number {
    return this.#generation;
  }

  begin(assignment: Assignment, paused: boolean): void {
    this.#generation += 1;
    this.#topics.clear();
    for (const [topic, partitions] of assignment) {
      this.#topics.set(topic, new Map(partitions.map((partition) => [partition, { next: null, paused }])));
    }
  }

  isAssigned(topic: string, partition: number): boolean {
    return this.#find(topic, partition) !== undefined;
  }

  /** Returns whether it changed anything; a partition that is not assigned (any more) is none of our business. */
  pause(topic: string, partition: number): boolean {
    return this.#setPaused(topic, partition, true);
  }

  resume(topic: string, partition: number): boolean {
    return this.#setPaused(topic, partition, false);
  }

  seek(topic: string, partition: number, nextOffset: number): void {
    const position = this.#find(topic, partition);
    if (position !== undefined) position.next = nextOffset;
  }

  /** The offset to fetch, or null when nothing may be fetched. `start` is where reading begins if nobody sought. */
  wanted(topic: string, partition: number, start: number): number | null {
    const position = this.#find(topic, partition);
    if (position === undefined || position.paused) return null;
    position.next ??= start;
    return position.next;
  }

  /** Whether what was fetched from `fromOffset` in `generation` is still what comes next. */
  expects(topic: string, partition: number, generation: number, fromOffset: number): boolean {
    if (generation !== this.#generation) return false;
    const position = this.#find(topic, partition);
    return position !== undefined && !position.paused && position.next === fromOffset;
  }

  advance(topic: string, partition: number, nextOffset: number): void {
    const position = this.#find(topic, partition);
    if (position !== undefined) position.next = nextOffset;
  }

  #setPaused(topic: string, partition: number, paused: boolean): boolean {
    const position = this.#find(topic, partition);
    if (position === undefined || position.paused === paused) return false;
    position.paused = paused;
    return true;
  }

  #find(topic: string, partition: number): Position | undefined {
    return this.#topics.get(topic)?.get(partition);
  }
}
