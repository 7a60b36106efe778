// What looks at jobs have shown so far: when each was first seen, and when over. Pure but for its memory.

import type { SeenJob } from './job-watch.ts'

/** A job as one look shows it. */
export type JobRow = Omit<SeenJob, 'unseen_at_ms' | 'seen_at_ms' | 'over_at_ms' | 'gone'>

export function isOver({ state }: Pick<SeenJob, 'state'>): boolean {
  return state !== 'queued' && state !== 'running'
}

export class JobBook {
  readonly #wanted: ReadonlySet<string>
  readonly #older: ReadonlySet<string>
  readonly #jobs = new Map<string, SeenJob>()
  #lastLook_ms: number | null = null
  #looks = 0
  /** When the last look ended that showed something new. */
  changed_at_ms: number

  /** `older`: jobs that were there before. `at_ms`: now. */
  constructor(input: { entityIds: readonly string[]; older: Iterable<string>; at_ms: number }) {
    this.#wanted = new Set(input.entityIds)
    this.#older = new Set(input.older)
    this.changed_at_ms = input.at_ms
  }

  get looks(): number {
    return this.#looks
  }

  record(rows: readonly JobRow[], look: { began_at_ms: number; ended_at_ms: number }): void {
    const present = new Set(rows.map(({ id }) => id))
    for (const job of this.#jobs.values()) job.gone = !present.has(job.id)
    for (const row of rows) {
      if (this.#older.has(row.id) || !this.#wanted.has(row.entity_id)) continue
      const known = this.#jobs.get(row.id)
      if (known?.state !== row.state) this.changed_at_ms = look.ended_at_ms
      this.#jobs.set(row.id, {
        ...row,
        unseen_at_ms: known === undefined ? this.#lastLook_ms : known.unseen_at_ms,
        seen_at_ms: known?.seen_at_ms ?? look.ended_at_ms,
        over_at_ms: isOver(row) ? (known?.over_at_ms ?? look.ended_at_ms) : null,
        gone: false,
      })
    }
    this.#lastLook_ms = look.began_at_ms
    this.#looks += 1
  }

  isUnderWay(): boolean {
    return [...this.#jobs.values()].some((job) => !isOver(job) && !job.gone)
  }

  /** Each has a job, and none is under way. */
  isDrained(): boolean {
    const there = [...this.#jobs.values()].filter(({ gone }) => !gone)
    return new Set(there.map(({ entity_id }) => entity_id)).size === this.#wanted.size && !this.isUnderWay()
  }

  jobs(): SeenJob[] {
    return [...this.#jobs.values()].sort((a, b) => a.seen_at_ms - b.seen_at_ms || a.id.localeCompare(b.id))
  }
}
