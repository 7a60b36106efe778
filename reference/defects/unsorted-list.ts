/** Deployments are found by an index, and then sorted in memory at every request. */
import type { Defect } from './defect.ts'

export const unsortedList: Defect = {
  id: 'unsorted-list',
  title: 'The list of deployments has no index by time',
  check: 'GL-P4.sort',
  reason: 'sort in memory, first GET /deployments',
  mayRedden: [],
  indexes: (all) => ({
    ...all,
    deployments: (all.deployments ?? []).filter(({ name }) => name !== 'deployment_app_created'),
  }),
}
