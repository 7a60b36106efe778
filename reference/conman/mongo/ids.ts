/** Ids that are worked out instead of drawn: what is written again for the same reason is then the same document. */
import { createHash } from 'node:crypto'
import { ObjectId } from 'mongodb'

const BYTES = 12

export function idOf(...parts: string[]): ObjectId {
  return new ObjectId(createHash('sha256').update(parts.join('\0')).digest().subarray(0, BYTES))
}
