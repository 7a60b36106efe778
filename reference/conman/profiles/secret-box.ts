/**
 * Secrets at rest.
 *
 * Each profile has a data key of its own, which encrypts its secrets with AES-256-GCM and is itself stored encrypted by the
 * master key. So the master key can be changed, and what one profile's key is worth ends at that profile. A ciphertext is
 * bound to its profile and its name: moved elsewhere it does not open. Conman's own form, in which the master key encrypts
 * the secrets themselves (AES-256-GCM-SIV), is read and never written.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { gcmsiv } from '@noble/ciphers/aes.js'
import type { ObjectId } from 'mongodb'
import type { RuntimeProfileDocument, WrappedKey } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

/** As a profile or the snapshot of a revision has them. */
export type StoredSecrets = Pick<RuntimeProfileDocument, 'secrets_encrypted' | 'secrets_key'>

export interface SealedSecrets {
  secrets_encrypted: Record<string, string>
  secrets_key: WrappedKey
}

export interface SecretBox {
  /** Encrypts under a new data key, or under a given one if the present master key has wrapped it. */
  seal(profileId: ObjectId, secrets: Readonly<Record<string, string>>, under?: WrappedKey | null): SealedSecrets
  /** The secrets by name; undefined for one that no configured key opens. */
  open(profileId: ObjectId, stored: StoredSecrets): Record<string, string | undefined>
}

interface MasterKey {
  /** Names it in what is stored, without telling anything of it. */
  id: string
  wrapping: Buffer
  /** What Conman itself encrypts with. */
  direct: Buffer
}

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_ID_BYTES = 8

export function createSecretBox({ config }: Pick<Services, 'config'>): SecretBox {
  const present = masterKey(config.secretsMasterKey)
  const previous = config.previousSecretsMasterKey
  const masterKeys = previous === undefined ? [present] : [present, masterKey(previous)]

  function unwrap(profileId: ObjectId, { key_id, wrapped }: WrappedKey): Buffer | undefined {
    const master = masterKeys.find(({ id }) => id === key_id)
    return master && decrypt(master.wrapping, wrapped, ofDataKey(profileId))
  }

  function newDataKey(profileId: ObjectId): { dataKey: Buffer; secrets_key: WrappedKey } {
    const dataKey = randomBytes(KEY_BYTES)
    const wrapped = encrypt(present.wrapping, dataKey, ofDataKey(profileId))
    return { dataKey, secrets_key: { key_id: present.id, wrapped } }
  }

  /** The data key that was used last, while it is the present master key that protects it. */
  function dataKeyAgain(profileId: ObjectId, under: WrappedKey | null | undefined) {
    if (under?.key_id !== present.id) return undefined
    const dataKey = unwrap(profileId, under)
    return dataKey && { dataKey, secrets_key: under }
  }

  return {
    seal(profileId, secrets, under) {
      const { dataKey, secrets_key } = dataKeyAgain(profileId, under) ?? newDataKey(profileId)
      const secrets_encrypted = mapValues(secrets, (secret, name) =>
        encrypt(dataKey, Buffer.from(secret), ofSecret(profileId, name)),
      )
      dataKey.fill(0)
      return { secrets_encrypted, secrets_key }
    },

    open(profileId, { secrets_encrypted, secrets_key }) {
      if (secrets_key == null) return mapValues(secrets_encrypted, (sealed) => openDirect(masterKeys, sealed))
      const dataKey = unwrap(profileId, secrets_key)
      const secrets = mapValues(
        secrets_encrypted,
        (sealed, name) => dataKey && decrypt(dataKey, sealed, ofSecret(profileId, name))?.toString(),
      )
      dataKey?.fill(0)
      return secrets
    },
  }
}

function masterKey(text: string): MasterKey {
  const derive = (purpose: string, bytes: number) => Buffer.from(hkdfSync('sha256', text, '', purpose, bytes))
  return {
    id: derive('conman: id of a master key', KEY_ID_BYTES).toString('hex'),
    wrapping: derive('conman: wrapping of data keys', KEY_BYTES),
    direct: createHash('sha256').update(text).digest(),
  }
}

/** What a ciphertext is bound to. */
const ofDataKey = (profileId: ObjectId) => `conman: data key of profile ${profileId.toHexString()}`
const ofSecret = (profileId: ObjectId, name: string) =>
  `conman: secret of profile ${profileId.toHexString()} named ${name}`

/** Base64 of nonce, ciphertext and tag. */
function encrypt(key: Buffer, plain: Buffer, boundTo: string): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(boundTo))
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64')
}

function decrypt(key: Buffer, sealed: string, boundTo: string): Buffer | undefined {
  const parts = takeApart(sealed)
  if (parts === undefined) return undefined
  const decipher = createDecipheriv(CIPHER, key, parts.nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.from(boundTo)).setAuthTag(parts.rest.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(parts.rest.subarray(0, -TAG_BYTES)), decipher.final()])
  } catch {
    return undefined
  }
}

/** Nothing of the secret tells which master key it is of, so each is tried. */
function openDirect(masterKeys: readonly MasterKey[], sealed: string): string | undefined {
  const parts = takeApart(sealed)
  if (parts === undefined) return undefined
  for (const { direct } of masterKeys) {
    try {
      return Buffer.from(gcmsiv(direct, parts.nonce).decrypt(parts.rest)).toString()
    } catch {
      // Not this one.
    }
  }
  return undefined
}

function takeApart(sealed: string): { nonce: Buffer; rest: Buffer } | undefined {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
  return { nonce: bytes.subarray(0, NONCE_BYTES), rest: bytes.subarray(NONCE_BYTES) }
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, work: (value: A, name: string) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, work(value, name)]))
}
