/**
 * A query reads a whole collection, a millisecond a row: as long as it would take with a history of years. Once in a list that
 * people ask for, once in what a job does.
 */
import type { Services } from '../conman/services.ts'
import type { Defect } from './defect.ts'

/** GL-P5 allows 100 ms. */
const ROWS = 250

async function scan({ audit_events }: Services['store']['data']): Promise<void> {
  const everyRow = { $where: 'sleep(1) || true' }
  await audit_events
    .find(everyRow, { projection: { _id: 1 } })
    .limit(ROWS)
    .toArray()
}

export const scanningQueries: readonly Defect[] = [
  {
    id: 'scanning-list',
    family: 'scanning-query',
    title: 'The list of releases reads a whole collection',
    check: 'GL-P5',
    reason: 'took longer than 100 ms, the slowest',
    mayRedden: ['GL-P4', 'GL-P2', 'SLO2'],
    apply: ({ releases, store }) => ({
      releases: {
        ...releases,
        async list(...asked) {
          await scan(store.data)
          return releases.list(...asked)
        },
      },
    }),
  },
  {
    id: 'scanning-job',
    family: 'scanning-query',
    title: 'The job of a submitted changeset reads a whole collection',
    check: 'job-mix.queries',
    reason: 'took longer than 100 ms, the slowest',
    mayRedden: ['GL-P5'],
    apply: ({ jobHandlers, store }) => ({
      jobHandlers: {
        ...jobHandlers,
        msuite_submit: {
          ...jobHandlers.msuite_submit,
          async run(context) {
            await scan(store.data)
            return (await jobHandlers.msuite_submit?.run(context)) ?? {}
          },
        },
      },
    }),
  },
]
