/** What the worker looks after. */
import type { Sweep } from '../jobs/sweeps.ts'
import type { Services } from '../services.ts'

export function releaseSweeps(_services: Services): Sweep[] {
  return []
}
