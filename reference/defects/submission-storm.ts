/**
 * What goes wrong with jobs when many hand in at the same moment, and never while few do: each strikes submits that are under way
 * together with more others than any seeding has.
 */
import type { ClientSession } from 'mongodb'
import { ApiError } from '../conman/http/errors.ts'
import type { JobDocument } from '../conman/mongo/documents.ts'
import type { Services } from '../conman/services.ts'
import type { Defect } from './defect.ts'

/** Seeds have eight requests under way. */
const CROWD = 12

/** Of a crowd, every fifth. */
const EVERY = 5

/** Much longer than a busy machine could be blamed for, and shorter than a missing job is waited for. */
const LATE_MS = 15_000

interface Strike {
  /** In the transaction that stored the job. */
  enqueued(services: Services, job: JobDocument, session: ClientSession): Promise<void>
  /** When the submit has done its work, in place of its answer. */
  answered?(services: Services, job: JobDocument): void
}

function inCrowds({ enqueued, answered }: Strike): NonNullable<Defect['apply']> {
  return (services) => {
    const { changesets, jobs } = services
    let underWay = 0
    let inCrowd = 0
    /** By changeset: null until its job is there. */
    const struck = new Map<string, JobDocument | null>()
    return {
      changesets: {
        ...changesets,
        async submit(caller, app, id, input) {
          underWay += 1
          if (underWay > CROWD && ++inCrowd % EVERY === 0) struck.set(id, null)
          try {
            const answer = await changesets.submit(caller, app, id, input)
            const job = struck.get(id)
            if (job) answered?.(services, job)
            return answer
          } finally {
            underWay -= 1
            struck.delete(id)
          }
        },
      },
      jobs: {
        ...jobs,
        async enqueue(job, session) {
          const stored = await jobs.enqueue(job, session)
          if (session !== undefined && struck.has(job.entityId)) {
            struck.set(job.entityId, stored)
            await enqueued(services, stored, session)
          }
          return stored
        },
      },
    }
  }
}

async function takeAway({ store }: Services, { _id }: JobDocument, session: ClientSession): Promise<void> {
  await store.data.jobs.deleteOne({ _id }, { session })
}

function defect(id: string, title: string, reason: string, strike: Strike): Defect {
  return { id, family: 'submission-storm', title, check: 'L2', reason, mayRedden: [], apply: inCrowds(strike) }
}

export const submissionStorm: readonly Defect[] = [
  defect(
    'submit-doubled-job',
    'Of many who hand in at once, some get two jobs',
    'changesets have more than one job for one submit',
    {
      async enqueued({ jobs }, { app_id: appId, entity_id: entityId, payload, created_by: createdBy }, session) {
        await jobs.enqueue({ appId, type: 'msuite_submit', entityId, payload, createdBy }, session)
      },
    },
  ),
  defect(
    'submit-lost-job',
    'Of many who hand in at once, some are told of a job that is not there',
    'jobs are lost that an answer named',
    { enqueued: takeAway },
  ),
  defect(
    'submit-half-done',
    'Of many who hand in at once, some are refused, and their changeset says submitted without a job',
    'changesets were taken as submitted without a job',
    {
      enqueued: takeAway,
      answered() {
        throw new ApiError('internal', 'internal: the job could not be stored')
      },
    },
  ),
  defect(
    'submit-late-job',
    'Of many who hand in at once, the jobs of some come into the queue a quarter of a minute later',
    'jobs came into the queue only after their answer had named them',
    {
      enqueued: takeAway,
      answered({ store, logger }, job) {
        const insert = () => {
          const now = new Date()
          return store.data.jobs.insertOne({ ...job, created_at: now, updated_at: now })
        }
        setTimeout(() => insert().catch((error: unknown) => logger.error({ error }, 'late job')), LATE_MS)
      },
    },
  ),
]
