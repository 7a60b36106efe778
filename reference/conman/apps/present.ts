/** An app as the API shows it. */
import { Type } from 'typebox'
import { DATES, Id, nullable, oneOf } from '../http/schemas.ts'
import type { AppDocument } from '../mongo/documents.ts'

export const BASELINE_MODES = ['integration_head', 'canonical_env_release'] as const
export const COMMIT_MODES = ['submit_commit', 'manual_checkpoint'] as const
export const APPROVAL_POLICIES = ['same_as_changeset', 'stricter_two_approvals'] as const

export const App = Type.Object({
  id: Id,
  name: Type.String(),
  repo_path: Type.String(),
  integration_branch: Type.String(),
  settings: Type.Object({
    baseline_mode: oneOf(BASELINE_MODES),
    canonical_env_id: nullable(Id),
    commit_mode_default: oneOf(COMMIT_MODES),
    blocked_paths: Type.Array(Type.String()),
    file_size_limit_bytes: Type.Integer({ minimum: 1 }),
    profile_approval_policy: oneOf(APPROVAL_POLICIES),
  }),
  created_by: Id,
  ...DATES,
})

export function presentApp(app: AppDocument) {
  return {
    id: app._id,
    name: app.name,
    repo_path: app.repo_path,
    integration_branch: app.integration_branch,
    settings: app.settings,
    created_by: app.created_by,
    created_at: app.created_at,
    updated_at: app.updated_at,
  }
}
