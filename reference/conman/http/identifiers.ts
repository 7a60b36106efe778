/** Ids on the wire are 24 hexadecimal characters; anything else is refused before it comes near a query. */
import { ObjectId } from 'mongodb'
import { Type } from 'typebox'
import { validation } from './errors.ts'

const OBJECT_ID = /^[0-9a-fA-F]{24}$/

export function isObjectId(text: unknown): text is string {
  return typeof text === 'string' && OBJECT_ID.test(text)
}

export function objectId(text: string, what: string): ObjectId {
  if (!isObjectId(text)) throw validation(`invalid ${what}: expected 24 hexadecimal characters`)
  return new ObjectId(text)
}

export const AppParams = Type.Object({ appId: Type.String() })
