/** Health says that all is well, whatever is. */
import { VERSION } from '../conman/version.ts'
import type { Defect } from './defect.ts'

export const healthSaysHealthy: Defect = {
  id: 'health-says-healthy',
  title: 'Health says that all is well while the database is away',
  check: 'F4',
  reason: 'polls say otherwise',
  mayRedden: ['DC1', 'F3'],
  apply: ({ health }) => ({
    health: {
      ...health,
      async check() {
        const names = ['mongodb', 'gitaly', 'job_runner'] as const
        return {
          status: 'ok',
          version: VERSION,
          components: names.map((name) => ({ name, status: 'healthy', detail: 'fine' })),
        }
      },
    },
  }),
}
