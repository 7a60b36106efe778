/** What the worker does for temporary environments. */
import type { JobHandlers } from '../jobs/handler.ts'
import type { Services } from '../services.ts'
import { createCleanup } from './cleanup.ts'
import { createProvisioning } from './provisioning.ts'

export function tempEnvironmentJobs(services: Services): JobHandlers {
  return { temp_env_provision: createProvisioning(services), temp_env_expire: createCleanup(services) }
}
