/** The delivery stage that `inorder run delivery` runs: shows that messages arrive, and in which order. */
import { silentLog, type Log } from '../../observe/log.js';
import { DeliveryConsumer, type DeliveryConsumerOptions } from './delivery-consumer.js';
import type { DeliveryHandler } from './run-handler.js';

export interface SampleDeliveryOptions extends Omit<DeliveryConsumerOptions, 'handler'> {
  /** Where a line for each message goes; without it they go to the log. */
  readonly output?: NodeJS.WritableStream;
}

export function sampleDelivery({ output, ...options }: SampleDeliveryOptions): DeliveryConsumer {
  return new DeliveryConsumer({ ...options, handler: showMessage(output ?? null, options.log ?? silentLog) });
}

/** Shows one line a message: ids and numbers, never text. Resolves when the line was taken; rejects when it wasn't. */
export function showMessage(output: NodeJS.WritableStream | null, log: Log): DeliveryHandler {
  return async ({ conversationId, seq, msgId, senderId, late }) => {
    if (output === null) {
      log.info('message delivered', { conversationId, seq, msgId: msgId.toString(), senderId, late });
      return;
    }
    // Ids may hold any character but U+0000; as JSON they can't break the line.
    const line = `${JSON.stringify(conversationId)}\t${seq}\t${msgId}\t${JSON.stringify(senderId)}${late ? '\tlate' : ''}\n`;
    await new Promise<void>((resolve, reject) => {
      output.write(line, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  };
}
