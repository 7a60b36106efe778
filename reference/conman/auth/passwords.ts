/** Passwords: the policy, and Argon2id off the event loop. */
import { randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import type { Argon2Parameters } from '../config.ts'
import { validation } from '../http/errors.ts'

const MIN_BYTES = 12
const MAX_BYTES = 128

export function requireAcceptablePassword(password: string): void {
  const bytes = Buffer.byteLength(password)
  if (bytes < MIN_BYTES || bytes > MAX_BYTES) {
    throw validation(`the password must be ${MIN_BYTES} to ${MAX_BYTES} characters long`)
  }
}

export async function hashPassword(password: string, parameters: Argon2Parameters): Promise<string> {
  return hash(password, {
    memoryCost: parameters.memoryKib,
    timeCost: parameters.passes,
    parallelism: parameters.parallelism,
  })
}

export async function passwordMatches(storedHash: string, password: string): Promise<boolean> {
  return verify(storedHash, password)
}

/** A hash that no password matches: verifying against it makes an unknown e-mail take as long as a known one. */
export async function createDummyHash(parameters: Argon2Parameters): Promise<string> {
  return hashPassword(randomBytes(32).toString('base64'), parameters)
}
