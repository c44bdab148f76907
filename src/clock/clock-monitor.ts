/**
 * Watches the wall clock of this process: looks at it against the monotonic clock several times a second and before
 * every stamp, asks other clocks now and then, and says whether messages may be stamped.
 *
 * A step of the wall clock shows at the next look, because what is known of the other clocks hangs on the monotonic one
 * (reference.ts). It sends every probe out at once, so that a host that was set right, or that woke from a pause, is
 * judged by fresh answers within milliseconds.
 *
 * Owns a timer and the probes in flight. Never throws: who can't be asked is unknown.
 */
import { messageOf } from '../errors.js';
import type { Clock } from './clock.js';
import { judgeClock, type ClockLimits, type ClockOffset, type ClockVerdict } from './judge-clock.js';
import {
  betterOf,
  errorAt,
  referenceOf,
  type ClockLook,
  type ClockReference,
  type ClockSample,
  type ClockSource,
} from './reference.js';

/** Asks one other clock. */
export interface ClockProbe {
  readonly source: ClockSource;
  readonly everyMs: number;
  /** At the start: of several looks one meets no queue on the way. */
  readonly firstLooks: number;
  /** A rejection counts as silence. */
  look(): Promise<ClockLook>;
}

/** What the monitor finds, for those who log and count; called as it happens. */
export interface ClockReports {
  /** At every turn of the timer. */
  looked(verdict: ClockVerdict): void;
  levelChanged(verdict: ClockVerdict, before: ClockVerdict): void;
  /** The wall clock was set: forward where positive. */
  stepped(byMs: number): void;
  /** Another clock couldn't be read. */
  silent(source: ClockSource, reason: string): void;
  /** It could. */
  heard(source: ClockSource): void;
}

export interface ClockMonitorDeps {
  readonly clock: Clock;
  readonly probes: readonly ClockProbe[];
  readonly limits: ClockLimits;
  readonly reports: ClockReports;
}

const LOOK_EVERY_MS = 200;
/** Slewing moves a clock by 0.1 ms between two looks; reading two clocks one after the other errs by less than this. */
const STEP_MS = 10;
const FIRST_LOOKS_LIMIT_MS = 3_000;
/** A read that was interrupted is done again. */
const READ_TRIES = 3;
const READ_WITHIN_MS = 0.5;
/** The wall clock tells whole milliseconds; on average it is half of one later. */
const HALF_A_MS = 0.5;

const NOTHING_KNOWN: ClockVerdict = { level: 'unknown', offsetMs: null, offsets: [], reasons: [] };

export class ClockMonitor {
  readonly #deps: ClockMonitorDeps;
  readonly #references = new Map<ClockSource, ClockReference>();
  readonly #probes: { readonly probe: ClockProbe; dueMs: number; inFlight: boolean }[];
  readonly #stopping = new AbortController();
  #verdict = NOTHING_KNOWN;
  /** Wall clock minus monotonic clock, at the last look. */
  #wallAheadMs: number;
  /** The same when stamping was last allowed. */
  #stampAheadMs: number;
  #loop: Promise<void> = Promise.resolve();

  constructor(deps: ClockMonitorDeps) {
    this.#deps = deps;
    this.#probes = deps.probes.map((probe) => ({ probe, dueMs: 0, inFlight: false }));
    this.#wallAheadMs = this.#readWallAhead();
    this.#stampAheadMs = this.#wallAheadMs;
  }

  get verdict(): ClockVerdict {
    return this.#verdict;
  }

  /** Resolves once the other clocks were asked, or it took too long; watches from then on. */
  async start(): Promise<void> {
    const { clock, probes } = this.#deps;
    const waited = new AbortController();
    const firstLooks = Promise.all(
      probes.map(async (probe) => {
        for (let looks = 0; looks < probe.firstLooks; looks++) await this.#ask(probe);
      }),
    );
    await Promise.race([firstLooks, clock.sleep(FIRST_LOOKS_LIMIT_MS, waited.signal)]);
    waited.abort();
    const nowMs = clock.monotonicMs();
    for (const one of this.#probes) one.dueMs = nowMs + one.probe.everyMs;
    this.#wallAheadMs = this.#readWallAhead(); // what was before we watched is no step that we saw
    this.#look();
    this.#loop = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  /** Takes a look at another clock that somebody had in passing. */
  take(sample: ClockSample): void {
    const fresh = referenceOf(sample);
    this.#references.set(sample.source, betterOf(this.#references.get(sample.source), fresh));
  }

  /** Whether a batch may be stamped now. Looks at the clock. */
  mayStamp(): boolean {
    if (this.#look().level === 'refuse') return false;
    this.#stampAheadMs = this.#wallAheadMs;
    return true;
  }

  /**
   * The time to stamp with, ms since 1970 UTC: the wall clock, unless it was set since `mayStamp` allowed the batch;
   * then the time goes on from there, and the new one has to pass `mayStamp` first.
   */
  stampMs(): number {
    const aheadMs = this.#readWallAhead();
    const { clock } = this.#deps;
    if (Math.abs(aheadMs - this.#stampAheadMs) < STEP_MS) return clock.nowMs();
    return Math.floor(clock.monotonicMs() + this.#stampAheadMs);
  }

  /** The true time as far as it is known, ms since 1970 UTC: the wall clock less its offset. */
  trueMs(): number {
    return this.#deps.clock.nowMs() - (this.#verdict.offsetMs ?? 0);
  }

  async #watch(): Promise<void> {
    const { clock, reports } = this.#deps;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      reports.looked(this.#look());
      this.#askThoseDue();
      await clock.sleep(LOOK_EVERY_MS, signal);
    }
  }

  #look(): ClockVerdict {
    const { clock, limits, reports } = this.#deps;
    const aheadMs = this.#readWallAhead();
    const steppedMs = aheadMs - this.#wallAheadMs;
    this.#wallAheadMs = aheadMs;
    if (Math.abs(steppedMs) >= STEP_MS) {
      reports.stepped(steppedMs);
      for (const one of this.#probes) one.dueMs = 0;
      this.#askThoseDue();
    }
    const before = this.#verdict;
    this.#verdict = judgeClock(this.#offsets(clock.monotonicMs()), limits, before.level);
    if (this.#verdict.level !== before.level) reports.levelChanged(this.#verdict, before);
    return this.#verdict;
  }

  #offsets(monotonicMs: number): ClockOffset[] {
    return [...this.#references.values()].flatMap((reference) => {
      const errorMs = errorAt(reference, monotonicMs);
      if (errorMs === null) return [];
      const offsetMs = this.#wallAheadMs - reference.aheadOfMonotonicMs;
      return [{ source: reference.source, offsetMs, errorMs: errorMs + HALF_A_MS }];
    });
  }

  #askThoseDue(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const one of this.#probes) {
      if (one.inFlight || nowMs < one.dueMs) continue;
      one.inFlight = true;
      one.dueMs = nowMs + one.probe.everyMs;
      void this.#ask(one.probe).then(() => {
        one.inFlight = false;
      });
    }
  }

  async #ask(probe: ClockProbe): Promise<void> {
    const look = await probe.look().catch((error: unknown) => ({ kind: 'silent' as const, reason: messageOf(error) }));
    if (look.kind === 'seen') {
      this.take(look.sample);
      this.#deps.reports.heard(probe.source);
    }
    if (look.kind === 'silent') this.#deps.reports.silent(probe.source, look.reason);
  }

  /** Both clocks as if read at once: the wall clock between two readings of the monotonic one that are close. */
  #readWallAhead(): number {
    const { clock } = this.#deps;
    let best = { aheadMs: 0, withinMs: Infinity };
    for (let tries = 0; tries < READ_TRIES && best.withinMs > READ_WITHIN_MS; tries++) {
      const beforeMs = clock.monotonicMs();
      const wallMs = clock.nowMs();
      const afterMs = clock.monotonicMs();
      if (afterMs - beforeMs >= best.withinMs) continue;
      best = { aheadMs: wallMs + HALF_A_MS - (beforeMs + afterMs) / 2, withinMs: afterMs - beforeMs };
    }
    return best.aheadMs;
  }
}
