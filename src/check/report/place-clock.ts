/** When the records of one partition were written, near enough for a plot: at most 1,024 of them are remembered. */
const MOST_MARKS = 1_024;

export class PlaceClock {
  #offsets: number[] = [];
  #times: number[] = [];
  #every = 1;
  #lastOffset = -1;
  #lastTime = 0;

  /** A record; offsets grow. */
  pass(offset: number, time: number): void {
    this.#lastOffset = offset;
    this.#lastTime = time;
    const last = this.#offsets.at(-1);
    if (last !== undefined && offset < last + this.#every) return;
    this.#offsets.push(offset);
    this.#times.push(time);
    if (this.#offsets.length <= MOST_MARKS) return;
    this.#every *= 2;
    this.#offsets = this.#offsets.filter((_, index) => index % 2 === 0);
    this.#times = this.#times.filter((_, index) => index % 2 === 0);
  }

  /** Between the times of the marks round it; null before the first record. */
  timeOf(offset: number): number | null {
    if (this.#offsets.length === 0) return null;
    const after = this.#offsets.findIndex((mark) => mark >= offset);
    if (after === 0) return this.#times[0] ?? null;
    const before = (after === -1 ? this.#offsets.length : after) - 1;
    const [fromOffset, fromTime] = [this.#offsets[before] as number, this.#times[before] as number];
    const [toOffset, toTime] =
      after === -1
        ? [this.#lastOffset, this.#lastTime]
        : [this.#offsets[after] as number, this.#times[after] as number];
    if (toOffset <= fromOffset || offset >= toOffset) return toTime;
    return fromTime + ((offset - fromOffset) / (toOffset - fromOffset)) * (toTime - fromTime);
  }
}
