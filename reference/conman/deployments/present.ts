/** A deployment as the API shows it. */
import { Type } from 'typebox'
import { DATES, Id, Moment, nullable, oneOf } from '../http/schemas.ts'
import { DEPLOYMENT_STATES, type DeploymentDocument, ROLLBACK_MODES } from '../mongo/documents.ts'

export const Deployment = Type.Object({
  id: Id,
  app_id: Id,
  environment_id: Id,
  release_id: Id,
  state: oneOf(DEPLOYMENT_STATES),
  is_skip_stage: Type.Boolean(),
  is_concurrent_batch: Type.Boolean(),
  approvals: Type.Array(Id),
  rollback_mode: nullable(oneOf(ROLLBACK_MODES)),
  rollback_source_release_id: nullable(Id),
  job_id: nullable(Id),
  logs_ref: nullable(Type.String()),
  started_at: nullable(Moment),
  finished_at: nullable(Moment),
  created_by: Id,
  ...DATES,
})

/** Rows that Conman itself wrote lack what only the specification has. */
export function presentDeployment(deployment: DeploymentDocument) {
  const { job_id } = deployment
  return {
    id: deployment._id,
    app_id: deployment.app_id,
    environment_id: deployment.environment_id,
    release_id: deployment.release_id,
    state: deployment.state,
    is_skip_stage: deployment.is_skip_stage,
    is_concurrent_batch: deployment.is_concurrent_batch,
    approvals: deployment.approvals,
    rollback_mode: deployment.rollback_mode ?? null,
    rollback_source_release_id: deployment.rollback_source_release_id ?? null,
    job_id,
    logs_ref: job_id && `jobs/${job_id.toHexString()}/logs`,
    started_at: deployment.started_at,
    finished_at: deployment.finished_at,
    created_by: deployment.created_by,
    created_at: deployment.created_at,
    updated_at: deployment.updated_at,
  }
}
