/** The client SDK where there is a browser, or nothing but the language: no Node module, no Kafka. */
export { InorderError, type ErrorCode } from '../errors.js';
export { conversationIdOf } from '../protocol/conversation-id.js';
export type { RetryPolicy } from './attempts.js';
export type { OutgoingEnvelope, OutgoingMessage } from './envelope.js';
export { MemorySequenceStore } from './memory-sequence-store.js';
export { Sender, type SenderOptions, type SendResult, type Transport } from './sender.js';
export type { SeqRange } from './seq-ranges.js';
export type { SenderNumbers, SequenceStore } from './sequence-store.js';
export { Timeline, type TimelineChange, type TimelineOptions, type TimelineUpdate } from './timeline.js';
export type { TimelineDelivery } from './timeline-entry.js';
