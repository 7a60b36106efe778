/** Environment variables in profiles and overrides: how they may be called, and what can be stored of them. */
import type { EnvValue } from '../mongo/documents.ts'

const KEY = /^[A-Za-z0-9_]{1,256}$/

/**
 * MongoDB stores documents up to 100 levels deep; a value lies at most seven levels down (in the snapshot of a revision, or in
 * an audit row).
 */
const MAX_DEPTH = 64

/** Why a name is refused, or undefined when it may be used. */
export function envKeyProblem(key: string): string | undefined {
  return KEY.test(key) ? undefined : 'keys are 1 to 256 letters, digits and _'
}

/** Why a value is refused, or undefined when it can be stored as it is. */
export function envValueProblem({ type, value }: EnvValue): string | undefined {
  if (type !== 'json' || storable(value, MAX_DEPTH)) return undefined
  return `json values are at most ${MAX_DEPTH} levels deep, without _bsontype and NUL in their keys`
}

/** The value without whatever else came with it. */
export function plainEnvVars(given: Readonly<Record<string, EnvValue>>): Record<string, EnvValue> {
  const plain = Object.entries(given).map(([key, { type, value }]) => [key, { type, value } as EnvValue])
  return Object.fromEntries(plain) as Record<string, EnvValue>
}

function storable(value: unknown, levels: number): boolean {
  if (value === null || typeof value !== 'object') return true
  if (levels === 0) return false
  return Object.entries(value).every(
    // The driver takes an object with `_bsontype` for one of its own types.
    ([key, inner]) => key !== '_bsontype' && !key.includes('\0') && storable(inner, levels - 1),
  )
}
