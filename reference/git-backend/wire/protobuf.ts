// The wire format of protocol buffers, by hand: enough to write requests and to read replies without the library that the
// backend itself reads and writes them with.

export const VARINT = 0
export const FIXED_64 = 1
export const LENGTH_DELIMITED = 2
export const FIXED_32 = 5

export interface RawField {
  number: number
  wireType: number
  /** The number of a varint, the bytes of everything else. */
  value: bigint | Buffer
}

/** Seven bits a byte, the least significant first; a negative number is its 64-bit two's complement. */
export function varint(value: number | bigint): Buffer {
  let rest = BigInt.asUintN(64, BigInt(value))
  const bytes: number[] = []
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

export function tag(number: number, wireType: number): Buffer {
  return varint((BigInt(number) << 3n) | BigInt(wireType))
}

export function varintField(number: number, value: number | bigint): Buffer {
  return Buffer.concat([tag(number, VARINT), varint(value)])
}

export function bytesField(number: number, value: Buffer): Buffer {
  return Buffer.concat([tag(number, LENGTH_DELIMITED), varint(value.length), value])
}

export function readFields(bytes: Buffer): RawField[] {
  const fields: RawField[] = []
  let at = 0
  const take = (length: number): Buffer => {
    if (at + length > bytes.length)
      throw new Error(`a field reaches ${at + length - bytes.length} bytes beyond the end`)
    at += length
    return bytes.subarray(at - length, at)
  }
  const readVarint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = take(1)[0]!
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return BigInt.asUintN(64, value)
    }
    throw new Error('a varint does not end')
  }
  while (at < bytes.length) {
    const key = readVarint()
    const number = Number(key >> 3n)
    const wireType = Number(key & 7n)
    if (wireType === VARINT) fields.push({ number, wireType, value: readVarint() })
    else if (wireType === LENGTH_DELIMITED) fields.push({ number, wireType, value: take(Number(readVarint())) })
    else if (wireType === FIXED_64) fields.push({ number, wireType, value: take(8) })
    else if (wireType === FIXED_32) fields.push({ number, wireType, value: take(4) })
    else throw new Error(`field ${number} has wire type ${wireType}`)
  }
  return fields
}
