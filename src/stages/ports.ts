/**
 * What the stages around the lanes use of Kafka, and no more: so that the doubles of the tests are small.
 */
import type { GroupSource } from '../kafka/group-source.js';
import type { PlainProducer } from '../kafka/plain-producer.js';

/** A member of a consumer group. */
export type RecordSource = Pick<GroupSource, 'start' | 'pause' | 'resume' | 'seek' | 'commit' | 'stop'>;

/** Writes records in the order given, one send at a time. */
export type RecordProducer = Pick<PlainProducer, 'send' | 'reset' | 'close'>;
