/** A workspace as the API shows it. */
import { Type } from 'typebox'
import { DATES, Id, nullable, oneOf, Sha } from '../http/schemas.ts'
import type { WorkspaceDocument } from '../mongo/documents.ts'

export const Workspace = Type.Object({
  id: Id,
  app_id: Id,
  owner_user_id: Id,
  branch_name: Type.String(),
  title: nullable(Type.String()),
  is_default: Type.Boolean(),
  base_ref_type: oneOf(['branch', 'tag', 'commit']),
  base_ref_value: Type.String(),
  base_sha: nullable(Sha),
  head_sha: Sha,
  ...DATES,
})

export function presentWorkspace(workspace: WorkspaceDocument) {
  return {
    id: workspace._id,
    app_id: workspace.app_id,
    owner_user_id: workspace.owner_user_id,
    branch_name: workspace.branch_name,
    title: workspace.title,
    is_default: workspace.is_default,
    base_ref_type: workspace.base_ref_type,
    base_ref_value: workspace.base_ref_value,
    base_sha: workspace.base_sha ?? null,
    head_sha: workspace.head_sha,
    created_at: workspace.created_at,
    updated_at: workspace.updated_at,
  }
}
