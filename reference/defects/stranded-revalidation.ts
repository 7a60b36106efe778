/** One revalidation in ten is put back into the queue by the worker that has it, for a time that never comes. */
import type { Defect } from './defect.ts'

const EVERY = 10
const NEVER = new Date('9999-12-31T00:00:00Z')

export const strandedRevalidation: Defect = {
  id: 'stranded-revalidation',
  title: 'Some revalidations stay queued for ever',
  check: 'L4',
  reason: 'jobs never ended',
  mayRedden: [],
  apply({ jobHandlers, store }) {
    const revalidation = jobHandlers.revalidate_queued_changeset
    if (revalidation === undefined) return {}
    let runs = 0
    return {
      jobHandlers: {
        ...jobHandlers,
        revalidate_queued_changeset: {
          ...revalidation,
          async run(context) {
            if (++runs % EVERY !== 0) return revalidation.run(context)
            const back = { state: 'queued', not_before: NEVER, locked_until: null, locked_by: null } as const
            await store.data.jobs.updateOne({ _id: context.job._id }, { $set: back })
            return {}
          },
        },
      },
    }
  },
}
