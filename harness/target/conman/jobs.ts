// Routes of jobs, and what a job is.

import { at, type Call, filters, type ListCall, many, one } from './call.ts'
import type { Fields } from './fields.ts'

export type JobType =
  | 'msuite_submit'
  | 'msuite_merge'
  | 'msuite_deploy'
  | 'runtime_profile_drift_check'
  | 'release_assemble'
  | 'revalidate_queued_changeset'
  | 'deploy_release'
  | 'temp_env_provision'
  | 'temp_env_expire'

export interface Job {
  id: string
  type: string
  /** `queued` and `running` go on, `succeeded`, `failed` and `canceled` do not. */
  state: string
  entityId: string | null
  error: string | null
  timeout_ms: number | null
  createdAt: string | null
  startedAt: string | null
  finishedAt: string | null
  /** The release that a revalidation follows, or that a deployment brings; null where the payload does not say one. */
  releaseId: string | null
  /** `status` of its result: `revalidated`, `skipped`, …; null where it says nothing. */
  resultStatus: string | null
}

/** Newest first. */
export const listJobs = (
  appId: string,
  filter: { type?: string; state?: string; entityId?: string } = {},
): ListCall<Job> => ({
  what: 'listing jobs',
  method: 'GET',
  ...at('/api/apps/{appId}/jobs', { appId }),
  query: filters({ type: filter.type, state: filter.state }),
  decode: many('jobs', jobOf),
  keeps: ({ type, state, entityId }) =>
    type === (filter.type ?? type) && state === (filter.state ?? state) && entityId === (filter.entityId ?? entityId),
})

export const readJob = (appId: string, jobId: string): Call<Job> => ({
  what: 'reading a job',
  method: 'GET',
  ...at('/api/apps/{appId}/jobs/{jobId}', { appId, jobId }),
  decode: one('a job', (row) => jobOf(row.objectOrNull('job') ?? row)),
})

export function hasEnded({ state }: Job): boolean {
  return state !== 'queued' && state !== 'running'
}

/** The job that an answer carries beside what it is about; null where it does not (HD65). */
export function jobIn(row: Fields): Job | null {
  const job = row.objectOrNull('job')
  return job === null ? null : jobOf(job)
}

function jobOf(row: Fields): Job {
  return {
    id: row.text('id'),
    type: row.text('job_type', 'type'),
    state: row.text('state', 'status'),
    entityId: row.textOrNull('entity_id'),
    error: row.textOrNull('error_message', 'error'),
    timeout_ms: row.numberOrNull('timeout_ms'),
    createdAt: row.textOrNull('created_at'),
    startedAt: row.textOrNull('started_at'),
    finishedAt: row.textOrNull('finished_at', 'completed_at'),
    releaseId: row.objectOrNull('payload')?.textOrNull('release_id') ?? null,
    resultStatus: row.objectOrNull('result')?.textOrNull('status') ?? null,
  }
}
