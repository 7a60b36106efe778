/** Temporary environments. */
import type { Services } from '../services.ts'

// biome-ignore lint/suspicious/noEmptyInterface: being written
export interface TempEnvironmentService {}

export function createTempEnvironmentService(_services: Services): TempEnvironmentService {
  return {}
}
