/**
 * What a drift check found: in its standard output, a line `{"differences":[{"field","key","expected","actual"}]}`.
 *
 * Of a secret only the name is kept. A job's result can be read by any member.
 */
import { envValueProblem } from '../profiles/env-vars.ts'

export interface Difference {
  field: string
  key: string
  expected?: unknown
  actual?: unknown
}

const MAX_DIFFERENCES = 1_000
const SECRETS = /secret/i

export function differencesIn(stdout: string): Difference[] {
  for (const text of [stdout, ...stdout.split('\n').toReversed()]) {
    const differences = parse(text)
    if (differences !== undefined) return differences.filter(isDifference).slice(0, MAX_DIFFERENCES).map(withoutSecret)
  }
  return []
}

export function isSecret({ field }: Pick<Difference, 'field'>): boolean {
  return SECRETS.test(field)
}

function parse(text: string): unknown[] | undefined {
  try {
    const { differences } = JSON.parse(text) as { differences?: unknown }
    return Array.isArray(differences) ? differences : undefined
  } catch {
    return undefined
  }
}

function isDifference(one: unknown): one is Difference {
  const { field, key } = (one ?? {}) as Partial<Difference>
  return typeof field === 'string' && typeof key === 'string'
}

function withoutSecret({ field, key, expected, actual }: Difference): Difference {
  return isSecret({ field }) ? { field, key } : { field, key, expected: storable(expected), actual: storable(actual) }
}

function storable(value: unknown): unknown {
  return envValueProblem({ type: 'json', value }) === undefined ? (value ?? null) : null
}
