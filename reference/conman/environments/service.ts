/** Environments. */
import type { Services } from '../services.ts'

// biome-ignore lint/suspicious/noEmptyInterface: being written
export interface EnvironmentService {}

export function createEnvironmentService(_services: Services): EnvironmentService {
  return {}
}
