/** What the worker does for deployments. */
import type { JobHandlers } from '../jobs/handler.ts'
import type { Services } from '../services.ts'

export function deploymentJobs(_services: Services): JobHandlers {
  return {}
}
