/** What the worker does for deployments. */
import type { JobHandlers } from '../jobs/handler.ts'
import type { Services } from '../services.ts'
import { createDeploying } from './deploying.ts'
import { createDriftCheck } from './drift-check.ts'

export function deploymentJobs(services: Services): JobHandlers {
  return { deploy_release: createDeploying(services), runtime_profile_drift_check: createDriftCheck(services) }
}
