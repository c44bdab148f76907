import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { exitCodeOf, watchStopSignals, type StopRequest } from '../../src/cli/signals.js';

function watched(): { emitter: EventEmitter; stop: StopRequest; forced: string[]; advance: (ms: number) => void } {
  const emitter = new EventEmitter();
  const forced: string[] = [];
  let now = 500;
  const stop = watchStopSignals({ emitter, onForce: (name) => forced.push(name), monotonicMs: () => now });
  return { emitter, stop, forced, advance: (ms) => (now += ms) };
}

describe('stop signals', () => {
  test('the first asks for a stop, and forces nothing', () => {
    const { emitter, stop, forced } = watched();
    expect(stop.signal.aborted).toBe(false);
    emitter.emit('SIGTERM');
    expect(stop.signal.aborted).toBe(true);
    expect(stop.cause).toBe('SIGTERM');
    expect(forced).toEqual([]);
  });

  test("npm's double SIGINT is one: a second within a second does not count, however often it comes", () => {
    const { emitter, forced, advance } = watched();
    emitter.emit('SIGINT');
    emitter.emit('SIGINT');
    advance(999);
    emitter.emit('SIGINT');
    expect(forced).toEqual([]);
  });

  test('a second one a second or more after the first means now, once', () => {
    const { emitter, forced, advance } = watched();
    emitter.emit('SIGINT');
    advance(1000);
    emitter.emit('SIGINT');
    emitter.emit('SIGINT');
    expect(forced).toEqual(['SIGINT']);
  });

  test('the second may be another signal than the first', () => {
    const { emitter, stop, forced, advance } = watched();
    emitter.emit('SIGINT');
    advance(3000);
    emitter.emit('SIGTERM');
    expect(stop.cause).toBe('SIGINT');
    expect(forced).toEqual(['SIGTERM']);
  });

  test('released, it leaves no listener behind', () => {
    const { emitter, stop } = watched();
    stop.release();
    expect(emitter.listenerCount('SIGINT') + emitter.listenerCount('SIGTERM') + emitter.listenerCount('SIGHUP')).toBe(
      0,
    );
  });

  test('a forced end reports the signal as a shell would', () => {
    expect([exitCodeOf('SIGINT'), exitCodeOf('SIGTERM')]).toEqual([130, 143]);
  });
});
