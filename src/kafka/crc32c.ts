import { createRequire } from 'node:module';

/**
 * CRC-32C, the checksum of a record batch: the native one (0.04 µs for 350 bytes), or, where its binary does not
 * load, the same in JavaScript (0.67 µs). A test compares both.
 */
export const crc32c: (bytes: Uint8Array) => number = nativeCrc32c() ?? plainCrc32c;

function nativeCrc32c(): ((bytes: Uint8Array) => number) | null {
  try {
    const native = createRequire(import.meta.url)('@node-rs/crc32') as { crc32c(bytes: Uint8Array): number };
    return (bytes) => native.crc32c(bytes);
  } catch {
    return null;
  }
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

/** The checksum without native code; an unsigned 32-bit number. */
export function plainCrc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (let at = 0; at < bytes.length; at += 1)
    crc = (TABLE[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}
