/** What somebody wants to be told. */
import type { Services } from '../services.ts'

// biome-ignore lint/suspicious/noEmptyInterface: being written
export interface PreferenceService {}

export function createPreferenceService(_services: Services): PreferenceService {
  return {}
}
