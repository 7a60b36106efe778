/** What the worker does for releases. */
import type { JobHandlers } from '../jobs/handler.ts'
import type { Services } from '../services.ts'

export function releaseJobs(_services: Services): JobHandlers {
  return {}
}
