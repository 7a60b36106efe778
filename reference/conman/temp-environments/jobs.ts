/** What the worker does for temporary environments. */
import type { JobHandlers } from '../jobs/handler.ts'
import type { Services } from '../services.ts'

export function tempEnvironmentJobs(_services: Services): JobHandlers {
  return {}
}
