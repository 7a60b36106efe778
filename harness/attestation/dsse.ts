// DSSE envelopes (Dead Simple Signing Envelope 1.0) with Ed25519: a statement that cannot be altered by one who has no key.

import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Static, Type } from 'typebox'
import { UsageError } from '../errors.ts'
import { demandSchema, reasonOf } from '../evidence/store.ts'

const PAYLOAD_TYPE = 'application/vnd.in-toto+json'

export const EnvelopeSchema = Type.Object({
  payloadType: Type.Literal(PAYLOAD_TYPE),
  payload: Type.String(),
  signatures: Type.Array(Type.Object({ keyid: Type.String(), sig: Type.String() })),
})
export type Envelope = Static<typeof EnvelopeSchema>

/** `text`: the statement, byte for byte as it lies beside the envelope. */
export function seal(text: string, privateKey: KeyObject): Envelope {
  const payload = Buffer.from(text)
  return {
    payloadType: PAYLOAD_TYPE,
    payload: payload.toString('base64'),
    signatures: [
      { keyid: keyId(createPublicKey(privateKey)), sig: sign(null, encoded(payload), privateKey).toString('base64') },
    ],
  }
}

/** The signed text, where one of the signatures is this key's; null where none is. */
export function open(envelope: Envelope, publicKey: KeyObject): string | null {
  demandSchema(EnvelopeSchema, envelope, 'the envelope')
  const payload = Buffer.from(envelope.payload, 'base64')
  const signed = envelope.signatures.some(({ sig }) =>
    verify(null, encoded(payload), publicKey, Buffer.from(sig, 'base64')),
  )
  return signed ? payload.toString('utf8') : null
}

/** The pre-authentication encoding: type and body with their lengths, so that neither can be read as the other. */
function encoded(payload: Buffer): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(PAYLOAD_TYPE)} ${PAYLOAD_TYPE} ${payload.length} `
  return Buffer.concat([Buffer.from(head), payload])
}

export function keyId(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}

export function readPrivateKey(path: string): KeyObject {
  return ed25519(path, 'private', createPrivateKey)
}

export function readPublicKey(path: string): KeyObject {
  return ed25519(path, 'public', createPublicKey)
}

function ed25519(path: string, kind: 'private' | 'public', parse: (pem: Buffer) => KeyObject): KeyObject {
  const remedy =
    kind === 'private'
      ? 'make one: openssl genpkey -algorithm ed25519 -out readiness.key'
      : 'take it from the private one: openssl pkey -in readiness.key -pubout -out readiness.pub'
  let key: KeyObject
  try {
    key = parse(readFileSync(path))
  } catch (cause) {
    throw new UsageError(`${path} is no ${kind} key in PEM (${reasonOf(cause)})`, remedy, { cause })
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new UsageError(`${path} is a key for ${key.asymmetricKeyType}, and Ed25519 is wanted`, remedy)
  }
  return key
}
