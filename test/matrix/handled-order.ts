/**
 * What the delivery stage's handler saw, over all its lives: at least once, in order. A life may go back and handle
 * again; none may go beyond what was handled before it and leave something out.
 */
export class HandledOrder {
  readonly #handledTo = new Map<string, number>();
  readonly findings: string[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** A line of the sample consumer: conversation, seq, msgId, sender, separated by tabs. */
  take(line: string): void {
    const [conversation, seqText] = line.split('\t');
    const seq = Number(seqText);
    if (conversation === undefined || !Number.isInteger(seq)) return;
    this.#count += 1;
    const last = this.#handledTo.get(conversation) ?? 0;
    if (seq > last + 1) this.findings.push(`the handler saw seq ${seq} of ${conversation} after ${last}`);
    if (seq > last) this.#handledTo.set(conversation, seq);
  }
}
