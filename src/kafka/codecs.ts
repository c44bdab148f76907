import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { Decompress as PlainZstd } from 'fzstd';
import { decompressFrame, decompressFrameSync } from 'lz4-napi';
import { uncompress, uncompressSync } from 'snappy';

/**
 * Every codec that a Kafka producer may use, for reading. Nothing is decompressed before its size is bounded: a
 * producer can put gigabytes into a megabyte. Nothing is registered with kafkajs, whose codec table is one for the
 * whole process and belongs to our user.
 */
const GZIP = 1;
const SNAPPY = 2;
const LZ4 = 3;
const ZSTD = 4;

/** Up to this size the way to another thread and back takes longer than the work. */
const SMALL_BYTES = 16_384;

/** The compressed bytes cannot be turned back, or would be too many. The message says which. */
export class DecompressionError extends Error {
  override readonly name = 'DecompressionError';
}

/** @throws DecompressionError whatever is wrong with `bytes` */
export async function decompress(codec: number, bytes: Buffer, maxBytes: number): Promise<Buffer> {
  try {
    if (codec === GZIP) return await decompressGzip(bytes, maxBytes);
    if (codec === SNAPPY) return await decompressSnappy(bytes, maxBytes);
    if (codec === LZ4) return await decompressLz4(bytes, maxBytes);
    if (codec === ZSTD) return await decompressZstd(bytes, maxBytes);
  } catch (error) {
    if (error instanceof DecompressionError) throw error;
    if ((error as { code?: unknown } | null)?.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes);
    throw new DecompressionError(`${NAMES[codec] ?? 'compressed'} data cannot be read`, { cause: error });
  }
  throw new DecompressionError(`codec ${codec} is unknown`);
}

const NAMES: Readonly<Record<number, string>> = { [GZIP]: 'gzip', [SNAPPY]: 'snappy', [LZ4]: 'lz4', [ZSTD]: 'zstd' };

function tooLarge(maxBytes: number): DecompressionError {
  return new DecompressionError(`more than ${maxBytes} bytes after decompression`);
}

const gunzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip);

async function decompressGzip(bytes: Buffer, maxOutputLength: number): Promise<Buffer> {
  return bytes.length <= SMALL_BYTES ? zlib.gunzipSync(bytes, { maxOutputLength }) : gunzip(bytes, { maxOutputLength });
}

/** Java frames snappy in the way of the xerial library, block by block; librdkafka writes it raw. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

async function decompressSnappy(bytes: Buffer, maxBytes: number): Promise<Buffer> {
  const framed = bytes.length >= XERIAL_HEADER_BYTES && bytes.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC);
  const blocks = framed ? xerialBlocks(bytes) : [bytes];
  let total = 0;
  for (const block of blocks) total += rawSnappyLength(block);
  if (total > maxBytes) throw tooLarge(maxBytes);
  const parts = await Promise.all(blocks.map(unsnappy));
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts, total);
}

async function unsnappy(block: Buffer): Promise<Buffer> {
  const options = { asBuffer: true };
  const plain = block.length <= SMALL_BYTES ? uncompressSync(block, options) : await uncompress(block, options);
  return plain as Buffer;
}

function xerialBlocks(bytes: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  let at = XERIAL_HEADER_BYTES;
  while (at + 4 <= bytes.length) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) throw new DecompressionError('snappy block is cut off');
    blocks.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return blocks;
}

/** The length that raw snappy data declares in its first bytes; the decoder holds it to that. */
function rawSnappyLength(bytes: Buffer): number {
  let length = 0;
  for (let at = 0; at < 5; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return length;
  }
  throw new DecompressionError('snappy data has no length');
}

const LZ4_MAGIC = 0x184d2204;
const LZ4_BLOCK_BYTES: Readonly<Record<number, number>> = { 4: 65_536, 5: 262_144, 6: 1_048_576, 7: 4_194_304 };

async function decompressLz4(bytes: Buffer, maxBytes: number): Promise<Buffer> {
  const largest = largestLz4Output(bytes);
  // A block expands to 255 times its size at most, whatever block size the frame declares.
  if (Math.min(largest, bytes.length * 255) > maxBytes) throw tooLarge(maxBytes);
  return bytes.length <= SMALL_BYTES ? decompressFrameSync(bytes) : decompressFrame(bytes);
}

/** The most that an LZ4 frame can hold, by walking its blocks. */
function largestLz4Output(bytes: Buffer): number {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== LZ4_MAGIC) throw new DecompressionError('not an lz4 frame');
  const flags = bytes.readUInt8(4);
  const blockBytes = LZ4_BLOCK_BYTES[(bytes.readUInt8(5) >> 4) & 7];
  if (blockBytes === undefined) throw new DecompressionError('lz4 frame declares no block size');
  const checksumBytes = flags & 0x10 ? 4 : 0;
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  let total = 0;
  while (at + 4 <= bytes.length) {
    const head = bytes.readUInt32LE(at);
    if (head === 0) return total;
    const size = head & 0x7fffffff;
    total += head > 0x7fffffff ? size : blockBytes;
    at += 4 + size + checksumBytes;
  }
  throw new DecompressionError('lz4 frame is cut off');
}

type AsyncZstd = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;
/** Node has zstd since 22.15. */
const nativeZstd: AsyncZstd | null =
  'zstdDecompress' in zlib ? promisify(zlib.zstdDecompress as typeof zlib.gunzip) : null;

async function decompressZstd(bytes: Buffer, maxBytes: number): Promise<Buffer> {
  return nativeZstd === null ? plainZstd(bytes, maxBytes) : nativeZstd(bytes, { maxOutputLength: maxBytes });
}

/** zstd in JavaScript, for Node before 22.15. @throws DecompressionError if it grows beyond `maxBytes` */
export function plainZstd(bytes: Buffer, maxBytes: number): Buffer {
  const parts: Uint8Array[] = [];
  let total = 0;
  const stream = new PlainZstd((part) => {
    total += part.length;
    if (total > maxBytes) throw tooLarge(maxBytes);
    parts.push(part);
  });
  stream.push(bytes, true);
  return Buffer.concat(parts, total);
}
