/** Environments are locked by looking first: who comes at the same moment finds them free, and nothing else holds him back. */
import type { Defect } from './defect.ts'

export const freeForAll: Defect = {
  id: 'free-for-all',
  title: 'Whether an environment is taken is looked at first, and decided by nothing',
  check: 'L6',
  reason: 'got the environment at the same time',
  // The list of active deployments may have stood on the index that is not there.
  mayRedden: [],
  indexes: (all) => ({
    ...all,
    deployments: (all.deployments ?? []).filter(({ name }) => name !== 'deployment_env_active_unique'),
  }),
}
