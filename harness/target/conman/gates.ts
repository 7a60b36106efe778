// The ladder before a publish or a deploy: some targets answer 409 until a job of their own has succeeded, which the first
// call began. Climbed step by step; a 409 that no job explains is a refusal.

import { ConmanError } from './error.ts'
import { hasEnded, type Job, type JobType } from './jobs.ts'

export interface Gate {
  type: JobType
  entityId: string
}

interface Ladder<T> {
  attempt(): Promise<T>
  newest(gate: Gate): Promise<Job | undefined>
  ended(job: Job): Promise<Job>
  pause(ms: number): Promise<void>
  /** Told of each attempt after the first, and how long its gate took. */
  retried(waited_ms: number): void
  gates: readonly Gate[]
}

/** Two gates before a deploy: real needs three calls. Four times that goes nowhere. */
const ATTEMPTS_MAX = 12

/** The list that shows a gate's job may be read from a secondary, which can be a moment behind (DC2). */
const UNEXPLAINED_MAX = 3
const LOOK_AGAIN_AFTER_MS = 400

export async function climb<T>(ladder: Ladder<T>): Promise<T> {
  let seen: string | undefined
  let unexplained = 0
  for (let attempt = 1; ; attempt += 1) {
    let refusal: ConmanError
    try {
      return await ladder.attempt()
    } catch (cause) {
      if (!(cause instanceof ConmanError) || cause.status !== 409 || attempt >= ATTEMPTS_MAX) throw cause
      refusal = cause
    }
    const started = performance.now()
    const jobs = (await Promise.all(ladder.gates.map((gate) => ladder.newest(gate)))).filter((job) => job !== undefined)
    const ended = await Promise.all(jobs.map((job) => (hasEnded(job) ? job : ladder.ended(job))))
    const waitedFor = ended.filter((_, index) => !hasEnded(jobs[index]!))
    const now = jobs.map(({ id }) => id).join(' ')
    // Nothing was waited for and nothing is new: it seems that no gate stands in the way.
    if (jobs.length === 0 || (waitedFor.length === 0 && now === seen)) {
      if (unexplained === UNEXPLAINED_MAX) throw refusal
      unexplained += 1
      await ladder.pause(LOOK_AGAIN_AFTER_MS)
      continue
    }
    unexplained = 0
    const failed = waitedFor.find(({ state }) => state !== 'succeeded')
    if (failed !== undefined) {
      const why = failed.error === null ? '' : `: ${failed.error.slice(0, 200)}`
      throw new ConmanError(
        refusal.message,
        refusal.answer,
        `its gate, the job ${failed.type}, is ${failed.state}${why}`,
      )
    }
    seen = now
    ladder.retried(performance.now() - started)
  }
}
