/** How long a job may run: what its row says, within reason. */
import type { JobDocument, JobType } from '../mongo/documents.ts'
import { JOB_RULES } from './service.ts'

const MIN_MS = 1_000
/** A timer takes no more. */
const MAX_MS = 2 ** 31 - 1
/** For a row that does not say, of a type that is not known. */
const FALLBACK_MS = 300_000

export function timeLimitMs({ job_type, timeout_ms }: Pick<JobDocument, 'job_type' | 'timeout_ms'>): number {
  const said = Number.isFinite(timeout_ms) ? timeout_ms : JOB_RULES[job_type as JobType]?.timeoutMs
  return Math.min(Math.max(said ?? FALLBACK_MS, MIN_MS), MAX_MS)
}
