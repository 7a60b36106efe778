/** What the worker does for releases. */
import type { JobHandlers } from '../jobs/handler.ts'
import type { Services } from '../services.ts'
import { createAssembling } from './assembling.ts'
import { createRevalidation } from './revalidation.ts'

export function releaseJobs(services: Services): JobHandlers {
  return { release_assemble: createAssembling(services), revalidate_queued_changeset: createRevalidation(services) }
}
