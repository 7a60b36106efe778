/** What a changeset changes: from the integration commit that it is made on to the head that was handed in. */
import { repositoryOf } from '../apps/service.ts'
import type { FileStats } from '../git/diffs.ts'
import type { Caller } from '../http/context.ts'
import type { AppDocument, ChangesetDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

export interface Sides {
  base: string
  head: string
}

/** Where the workspace is now; what is edited later is taken by the next submission. */
export async function workspaceSides(
  services: Services,
  caller: Caller,
  app: AppDocument,
  changeset: ChangesetDocument,
): Promise<Sides> {
  const workspace = await services.store.lookups.workspace(changeset.workspace_id)
  if (workspace === undefined) return { head: changeset.head_sha, base: changeset.base_sha }
  return { head: workspace.head_sha, base: await services.workspaces.baseOf(caller, app, workspace) }
}

/** A draft has handed in nothing yet, and shows what it would. */
export async function sidesOf(
  services: Services,
  caller: Caller,
  app: AppDocument,
  changeset: ChangesetDocument,
): Promise<Sides> {
  if (changeset.state === 'draft') return workspaceSides(services, caller, app, changeset)
  const head = changeset.submitted_head_sha ?? changeset.head_sha
  // A row that Conman itself wrote does not say its base: its diffs are from the integration branch.
  const base = changeset.base_sha ?? (await services.git.branchTip(repositoryOf(app), app.integration_branch, caller))
  return { base: base ?? head, head }
}

export async function filesOf(
  services: Services,
  caller: Caller,
  app: AppDocument,
  changeset: ChangesetDocument,
): Promise<FileStats[]> {
  const { base, head } = await sidesOf(services, caller, app, changeset)
  return services.git.diffStats(repositoryOf(app), base, head, caller)
}
