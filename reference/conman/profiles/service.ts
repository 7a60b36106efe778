/** Runtime profiles. */
import type { Services } from '../services.ts'

// biome-ignore lint/suspicious/noEmptyInterface: being written
export interface ProfileService {}

export function createProfileService(_services: Services): ProfileService {
  return {}
}
