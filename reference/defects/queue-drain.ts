/** What goes wrong with a long queue after a release. A queue of a few changesets is spared. */
import { ObjectId } from 'mongodb'
import type { JobContext, JobResult } from '../conman/jobs/handler.ts'
import type { NewJob } from '../conman/jobs/service.ts'
import type { ChangesetDocument } from '../conman/mongo/documents.ts'
import type { Services } from '../conman/services.ts'
import { type Defect, strikes } from './defect.ts'

/** Fewer than that are asked for together by everything but a long queue. */
const LONG = 20

/** With another word on the job in the middle of a long queue's revalidations. */
function enqueuing(worse: (jobs: Services['jobs'], all: NewJob[], middle: NewJob) => Promise<number>): Defect['apply'] {
  return ({ jobs }) => ({
    jobs: {
      ...jobs,
      async enqueueMissing(all) {
        const middle = all[Math.floor(all.length / 2)]
        const isLong = all.length >= LONG && middle?.type === 'revalidate_queued_changeset'
        return isLong ? worse(jobs, all, middle) : jobs.enqueueMissing(all)
      },
    },
  })
}

/** With something done to the changeset after its revalidation; `before` is how that found it. */
function revalidating(
  spoil: (services: Services, context: JobContext, result: JobResult, before: ChangesetDocument) => Promise<void>,
): Defect['apply'] {
  return (services) => {
    const { jobHandlers, store } = services
    const good = jobHandlers.revalidate_queued_changeset!
    return {
      jobHandlers: {
        ...jobHandlers,
        revalidate_queued_changeset: {
          ...good,
          async run(context) {
            const before = await store.data.changesets.findOne({ _id: new ObjectId(context.job.entity_id) })
            const result = await good.run(context)
            if (before !== null) await spoil(services, context, result, before)
            return result
          },
        },
      },
    }
  }
}

type Given = Pick<Defect, 'id' | 'title' | 'reason'> & { apply: Defect['apply']; check?: string }

function defect({ apply, check = 'L3', ...rest }: Given): Defect {
  return { ...rest, family: 'queue-drain', check, mayRedden: [], ...(apply === undefined ? {} : { apply }) }
}

export const queueDrain: readonly Defect[] = [
  defect({
    id: 'revalidation-forgotten',
    title: 'After a release, one changeset of a long queue is not looked at again',
    reason: 'changesets have no revalidation',
    apply: enqueuing((jobs, all, middle) => jobs.enqueueMissing(all.filter((job) => job !== middle))),
  }),
  defect({
    id: 'revalidation-doubled',
    title: 'After a release, one changeset of a long queue is looked at twice',
    reason: 'changesets were revalidated more than once',
    apply: enqueuing(async (jobs, all, { exclusive: _, ...again }) => {
      const asked = await jobs.enqueueMissing(all)
      await jobs.enqueue(again)
      return asked + 1
    }),
  }),
  defect({
    id: 'revalidation-half-way',
    title: 'A revalidation takes some changesets out of the queue’s state and leaves them their place in it',
    reason: 'changesets are left half-way',
    apply: revalidating(async ({ store }, _context, { status }, { _id }) => {
      if (status !== 'revalidated' || !strikes(_id.toHexString(), 5)) return
      await store.data.changesets.updateOne({ _id }, { $set: { state: 'approved' } })
    }),
  }),
  defect({
    id: 'conflict-left-queued',
    title: 'A revalidation finds conflicts, and leaves the changesets in the queue',
    reason: 'changesets that do not merge are queued',
    apply: revalidating(async ({ store }, _context, { status }, before) => {
      if (status === 'conflicted') await store.data.changesets.replaceOne({ _id: before._id }, before)
    }),
  }),
  defect({
    id: 'listings-refused',
    title: 'Changesets cannot be listed while revalidations wait',
    check: 'L3.listings',
    reason: 'listings failed: HTTP 500',
    apply: ({ changesets, store }) => ({
      changesets: {
        ...changesets,
        async list(caller, app, states, page) {
          const waiting = { app_id: app._id, job_type: 'revalidate_queued_changeset', state: 'queued' as const }
          if ((await store.data.jobs.countDocuments(waiting)) >= LONG / 2) throw new Error('the queue is busy')
          return changesets.list(caller, app, states, page)
        },
      },
    }),
  }),
]
