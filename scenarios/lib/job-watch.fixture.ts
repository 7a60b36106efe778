// Jobs that were watched to their end, for tests on evidence: each changes the one thing that it is about.

import type { JobWatch, SeenJob } from './job-watch.ts'

export function soundJob(id: string, entity_id: string, at_ms: number): SeenJob {
  return {
    id,
    entity_id,
    state: 'succeeded',
    created_at_ms: at_ms,
    started_at_ms: at_ms + 100,
    finished_at_ms: at_ms + 200,
    error: null,
    verdict: 'ok',
    unseen_at_ms: at_ms - 50,
    seen_at_ms: at_ms + 50,
    over_at_ms: at_ms + 250,
    gone: false,
  }
}

export function soundWatch(jobs: SeenJob[]): JobWatch {
  const ended_at_ms = Math.max(...jobs.map(({ over_at_ms }) => over_at_ms ?? 0)) + 2_000
  return { source: 'mongo', looks: 40, drained: true, ended_at_ms, quiet_ms: 2_000, problem: null, jobs }
}
