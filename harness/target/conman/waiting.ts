// Waiting for a job of a target that may never run it: bounded, at first often and then once a second.

import { setTimeout as delay } from 'node:timers/promises'
import type { Conman } from '../conman.ts'
import { ConmanError } from './error.ts'
import { hasEnded, type Job, type JobType, listJobs, readJob } from './jobs.ts'

export interface JobWait {
  /** Instead of the job's own time-out. */
  within_ms?: number
  signal?: AbortSignal | undefined
}

/** Where a job states no time-out (http-api §2.14: 10 to 30 minutes), and the most that one may state. */
const UNSTATED_MS = 600_000
const STATED_MS_MAX = 3_600_000

/** Real works on one job a second, the oldest first (http-api §2.14). */
const A_JOB_BEFORE_MS = 1_000

const FIRST_POLL_AFTER_MS = 25
const POLL_EVERY_MS_MAX = 1_000

/** A job that cannot be read: a secondary that is behind (DC2), a restart. Longer than that it is no hiccup. */
const UNREADABLE_MS_MAX = 30_000

export async function waitForJob(
  conman: Conman,
  token: string,
  appId: string,
  begun: Job | { type: JobType; entityId: string },
  { within_ms, signal }: JobWait,
): Promise<Job> {
  const started = performance.now()
  let job = 'id' in begun ? begun : undefined
  let bound_ms = within_ms
  let unreadableSince_ms: number | undefined
  let pause_ms = FIRST_POLL_AFTER_MS
  for (;;) {
    try {
      job = job === undefined ? await find(conman, token, appId, begun) : await conman.do(token, readJob(appId, job.id))
      unreadableSince_ms = undefined
      bound_ms ??= boundOf(job) + (await queuedBefore(conman, token, appId, job)) * A_JOB_BEFORE_MS
    } catch (cause) {
      if (!(cause instanceof ConmanError)) throw cause
      unreadableSince_ms ??= performance.now()
      if (performance.now() - unreadableSince_ms > Math.min(UNREADABLE_MS_MAX, within_ms ?? Number.POSITIVE_INFINITY))
        throw cause
    }
    if (job !== undefined && (hasEnded(job) || performance.now() - started > (bound_ms ?? UNSTATED_MS))) return job
    await delay(pause_ms, undefined, { signal }).catch(() => signal?.throwIfAborted())
    pause_ms = Math.min(pause_ms * 1.5, POLL_EVERY_MS_MAX)
  }
}

async function find(
  conman: Conman,
  token: string,
  appId: string,
  begun: Job | { type: JobType; entityId: string },
): Promise<Job> {
  const call = listJobs(appId, { type: begun.type, ...(begun.entityId === null ? {} : { entityId: begun.entityId }) })
  const newest = await conman.first(token, call)
  if (newest !== undefined) return newest
  const answer = await conman.answer(token, call)
  throw new ConmanError(`looking for the job ${begun.type}`, answer, 'the list has none')
}

function boundOf({ timeout_ms }: Job): number {
  return timeout_ms !== null && timeout_ms > 0 ? Math.min(timeout_ms, STATED_MS_MAX) : UNSTATED_MS
}

/** Jobs of the app that stand in the queue with it, and are older. Others' jobs cannot be seen. */
async function queuedBefore(conman: Conman, token: string, appId: string, job: Job): Promise<number> {
  if (hasEnded(job)) return 0
  const waiting = await conman.all(token, listJobs(appId, { state: 'queued' }))
  const at = waiting.findIndex(({ id }) => id === job.id)
  return at < 0 ? 0 : waiting.length - at - 1
}
