// A sender that numbers as fast as it can, for as long as it lives: `node reserve-numbers.mjs <dist> <path>`. Prints how
// its store was opened, then a line a number, each written before the next one is asked for.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [dist, path] = process.argv.slice(2);
const { FileSequenceStore } = await import(pathToFileURL(join(dist, 'client/node/file-sequence-store.js')).href);
writeSync(1, 'opening\n');
const store = await FileSequenceStore.open(path, { blockSize: 64 });
writeSync(1, `${store.opened.kind}\n`);
for (let i = 0; ; i++) {
  const conversation = `group:${(i * 7) % 5}`;
  const { senderSeq, prevSenderSeq, senderEpoch } = await store.next(conversation);
  writeSync(1, `${conversation} ${senderSeq} ${prevSenderSeq} ${senderEpoch}\n`);
}
