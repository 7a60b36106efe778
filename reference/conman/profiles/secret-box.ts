/** Secrets at rest. */
import type { Services } from '../services.ts'

// biome-ignore lint/suspicious/noEmptyInterface: being written
export interface SecretBox {}

export function createSecretBox(_services: Services): SecretBox {
  return {}
}
