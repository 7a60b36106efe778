/**
 * What time does to temporary environments: a warning before the end, the soft end, and the end of the grace period.
 *
 * Several workers sweep at the same moment. Each move is one conditional write, so one of them makes it and tells about it; a
 * row that cannot be dealt with is left alone for a while, so that it takes the place of no other.
 */
import { type Document, type Filter, ObjectId, type Sort } from 'mongodb'
import { uuidV7 } from '../http/request-id.ts'
import { createQuarantine, type Sweep } from '../jobs/sweeps.ts'
import { describeError } from '../logging.ts'
import type { TempEnvironmentDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { appOf } from './attempt.ts'
import { cleanupJob } from './cleanup.ts'
import { after, CLEANUP_AGAIN_MS, GRACE_MS, WARNING_MS } from './lifetime.ts'
import { mail, record } from './telling.ts'

interface Pass {
  name: string
  due(now: Date): Filter<TempEnvironmentDocument>
  sort: Sort
  deal(environment: TempEnvironmentDocument, now: Date): Promise<void>
}

const BATCH = 100
/** Rows that are dealt with at the same time. */
const AT_ONCE = 8
/** The real server's word for it in the job's payload. */
const TRIGGER = { trigger: 'idle_ttl_scan' }

export function tempEnvironmentSweeps(services: Services): Sweep[] {
  const { data, causality } = services.store
  const quarantine = createQuarantine<ObjectId>(String)
  const origin = () => ({ requestId: `sweep-${uuidV7()}`, ip: null, userAgent: null })

  /** Told first and marked afterwards: who is told twice of the same hour gets one mail. */
  async function warn(environment: TempEnvironmentDocument): Promise<void> {
    const { _id, expires_at } = environment
    const app = await appOf(services, environment)
    await mail(services, app, environment, 'temp_env_expiry_warning', null, expires_at.toISOString())
    const unwarned = { _id, state: 'active' as const, expires_at }
    await data.temp_environments.updateOne(unwarned, { $set: { expiry_warning_sent: true } })
  }

  async function expireSoftly(environment: TempEnvironmentDocument, now: Date): Promise<void> {
    const app = await appOf(services, environment)
    const due = { _id: environment._id, state: 'active' as const, expires_at: { $lte: now } }
    const set = { state: 'expiring' as const, grace_expires_at: after(now, GRACE_MS), updated_at: now }
    const moved = await data.temp_environments.findOneAndUpdate(due, { $set: set }, { returnDocument: 'after' })
    if (moved === null) return
    await Promise.all([
      record(services, origin(), moved, { action: 'expiring', from: 'active', actor: null }),
      mail(services, app, moved, 'temp_env_expired', null, moved.expires_at.toISOString()),
    ])
  }

  async function end(environment: TempEnvironmentDocument, now: Date): Promise<void> {
    const app = await appOf(services, environment)
    const due = { _id: environment._id, state: 'expiring' as const, grace_expires_at: { $lte: now } }
    const set = { state: 'expired' as const, active: false, cleanup_requested_at: now, updated_at: now }
    const done = await causality.transaction([], async (session) => {
      const options = { session, returnDocument: 'after' } as const
      const moved = await data.temp_environments.findOneAndUpdate(due, { $set: set }, options)
      return moved && { moved, job: await services.jobs.enqueue(cleanupJob(moved, null, TRIGGER), session) }
    })
    if (done === null) return
    const { moved, job } = done
    services.jobs.counted(job)
    await Promise.all([
      record(services, origin(), moved, { action: 'expired', from: 'expiring', actor: null }),
      mail(services, app, moved, 'temp_env_grace_ended', null, 'grace_ended'),
    ])
  }

  /** Its clean-up failed for good, or was never asked for. */
  async function askForCleanup(environment: TempEnvironmentDocument, now: Date): Promise<void> {
    const { _id, state, cleanup_requested_at = null } = environment
    const unasked = { _id, state, cleanup_requested_at }
    const { matchedCount } = await data.temp_environments.updateOne(unasked, { $set: { cleanup_requested_at: now } })
    if (matchedCount > 0) await services.jobs.enqueueOnce(cleanupJob(environment, null, TRIGGER))
  }

  const passes: Pass[] = [
    {
      name: 'warning',
      due: (now) => ({
        state: 'active',
        expires_at: { $gt: now, $lte: after(now, WARNING_MS) },
        expiry_warning_sent: { $ne: true },
      }),
      sort: { expires_at: 1 },
      deal: warn,
    },
    {
      name: 'soft expiry',
      due: (now) => ({ state: 'active', expires_at: { $lte: now } }),
      sort: { expires_at: 1 },
      deal: expireSoftly,
    },
    {
      name: 'grace',
      due: (now) => ({ state: 'expiring', grace_expires_at: { $lte: now } }),
      sort: { grace_expires_at: 1 },
      deal: end,
    },
    {
      name: 'clean-up',
      due: (now) => ({
        $or: [
          { state: 'expired', cleanup_requested_at: null },
          { cleanup_requested_at: { $lte: after(now, -CLEANUP_AGAIN_MS) } },
        ],
      }),
      sort: { cleanup_requested_at: 1 },
      deal: askForCleanup,
    },
  ]

  async function attend({ name, deal }: Pass, environment: TempEnvironmentDocument, now: Date): Promise<void> {
    try {
      requireSound(environment)
      await deal(environment, now)
      quarantine.succeeded(environment._id)
    } catch (error) {
      quarantine.failed(environment._id)
      services.logger.error(
        { temp_env_id: environment._id, pass: name, ...describeError(error) },
        'temp environment not dealt with',
      )
    }
  }

  /** Answers whether there may be more. */
  async function run(pass: Pass): Promise<boolean> {
    const now = new Date()
    const due = { $and: [pass.due(now), { _id: { $nin: quarantine.waiting } }] } as Document
    const rows = await data.temp_environments.find(due).sort(pass.sort).limit(BATCH).toArray()
    const waiting = rows.values()
    const hands = Array.from({ length: AT_ONCE }, async () => {
      for (const environment of waiting) await attend(pass, environment, now)
    })
    await Promise.all(hands)
    return rows.length === BATCH
  }

  return [
    {
      name: 'temp environments',
      everyMs: services.config.tempEnvironments.scanMs,
      async sweep() {
        let more = false
        for (const pass of passes) {
          try {
            more = (await run(pass)) || more
          } catch (error) {
            services.logger.error({ pass: pass.name, ...describeError(error) }, 'temp environments not looked at')
          }
        }
        return more
      },
    },
  ]
}

/** What the moves are made of; whatever else is wrong with a row shows where it is used. */
function requireSound({ _id, app_id, owner_user_id, url, expires_at }: TempEnvironmentDocument): void {
  const ids = [_id, app_id, owner_user_id].every((id) => id instanceof ObjectId)
  if (!ids || typeof url !== 'string' || !(expires_at instanceof Date)) throw new Error('the row is malformed')
}
