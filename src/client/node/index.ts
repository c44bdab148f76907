/** The client SDK in Node.js: all of the portable part, and what needs files or Kafka. */
export * from '../index.js';
export { DeliveryConsumer, type DeliveryConsumerOptions } from '../../stages/delivery/delivery-consumer.js';
export { FileSequenceStore, type FileSequenceStoreOptions } from './file-sequence-store.js';
export { openKafkaTransport, type KafkaTransport, type KafkaTransportOptions } from './kafka-transport.js';
export type { Opened } from './judge-opening.js';
