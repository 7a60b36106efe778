/** The id of a request: the caller's own when it is printable ASCII (echoed verbatim), else a new UUIDv7. */
import { randomFillSync } from 'node:crypto'

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/

export function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && PRINTABLE_ASCII.test(header) ? header : uuidV7()
}

/** RFC 9562: 48 bits of Unix time in milliseconds, then random bits around the version and variant marks. */
export function uuidV7(nowMs: number = Date.now()): string {
  const bytes = randomFillSync(Buffer.alloc(16))
  bytes.writeUIntBE(nowMs, 0, 6)
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6)
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8)
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
