/** Forgotten passwords. */
import type { Services } from '../services.ts'

// biome-ignore lint/suspicious/noEmptyInterface: being written
export interface PasswordResetService {}

export function createPasswordResetService(_services: Services): PasswordResetService {
  return {}
}
