/** Deployments. */
import type { Services } from '../services.ts'

// biome-ignore lint/suspicious/noEmptyInterface: being written
export interface DeploymentService {}

export function createDeploymentService(_services: Services): DeploymentService {
  return {}
}
