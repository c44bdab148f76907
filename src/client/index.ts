/** The client SDK where there is a browser, or nothing but the language: no Node module, no Kafka. */
export { InorderError, type ErrorCode } from '../errors.js';
export { MemorySequenceStore } from './memory-sequence-store.js';
export type { SenderNumbers, SequenceStore } from './sequence-store.js';
export type { SeqRange } from './seq-ranges.js';
export { Timeline, type TimelineChange, type TimelineOptions, type TimelineUpdate } from './timeline.js';
export type { TimelineDelivery } from './timeline-entry.js';
