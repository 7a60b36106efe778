/** A job and its log as the API shows them. */
import { Type } from 'typebox'
import { DATES, Id, Moment, nullable, oneOf } from '../http/schemas.ts'
import { JOB_STATES, type JobDocument, type JobLogDocument } from '../mongo/documents.ts'

const Fields = Type.Record(Type.String(), Type.Unknown())

export const Job = Type.Object({
  id: Id,
  app_id: Id,
  job_type: Type.String(),
  state: oneOf(JOB_STATES),
  entity_type: Type.String(),
  entity_id: Type.String(),
  payload: Fields,
  result: nullable(Fields),
  error_message: nullable(Type.String()),
  retry_count: Type.Integer({ minimum: 0 }),
  max_retries: Type.Integer({ minimum: 0 }),
  timeout_ms: Type.Integer({ minimum: 0 }),
  created_by: nullable(Id),
  started_at: nullable(Moment),
  finished_at: nullable(Moment),
  ...DATES,
})

export const JobLogLine = Type.Object({
  id: Id,
  app_id: Id,
  job_id: Id,
  level: oneOf(['info', 'warn', 'error']),
  message: Type.String(),
  data: nullable(Fields),
  timestamp: Moment,
})

export function presentJob(job: JobDocument) {
  return {
    id: job._id,
    app_id: job.app_id,
    job_type: job.job_type,
    state: job.state,
    entity_type: job.entity_type,
    entity_id: job.entity_id,
    payload: job.payload,
    result: job.result,
    error_message: job.error_message,
    retry_count: job.retry_count,
    max_retries: job.max_retries,
    timeout_ms: job.timeout_ms,
    created_by: job.created_by,
    created_at: job.created_at,
    started_at: job.started_at,
    finished_at: job.finished_at,
    updated_at: job.updated_at,
  }
}

export function presentLogLine(line: JobLogDocument) {
  return {
    id: line._id,
    app_id: line.app_id,
    job_id: line.job_id,
    level: line.level,
    message: line.message,
    data: line.data ?? null,
    timestamp: line.timestamp,
  }
}
