/** Releases. */
import type { Services } from '../services.ts'

// biome-ignore lint/suspicious/noEmptyInterface: being written
export interface ReleaseService {}

export function createReleaseService(_services: Services): ReleaseService {
  return {}
}
