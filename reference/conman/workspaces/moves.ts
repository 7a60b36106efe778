/** What moves a workspace's branch besides edits: back to the integration branch, onto it, and checkpoints. */
import { repositoryOf } from '../apps/service.ts'
import type { AuditEvent } from '../audit/log.ts'
import { changedOnBoth } from '../git/changed-on-both.ts'
import { branchRef } from '../git/wire.ts'
import type { Caller } from '../http/context.ts'
import { conflict, notFound } from '../http/errors.ts'
import type { AppDocument, WorkspaceDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { commitMessage } from './commit-message.ts'
import type { Whereabouts } from './head-recorder.ts'
import { movedElsewhere, onMovingTip } from './moving-tip.ts'

export interface SyncOutcome {
  clean: boolean
  head_sha: string
  conflicting_paths: string[]
  message: string
}

export interface WorkspaceMoves {
  /** Brings the branch back to the head of the integration branch; what it had is gone. */
  reset(caller: Caller, app: AppDocument, workspaceId: string): Promise<{ head_sha: string; message: string }>
  /** Replays the branch on the head of the integration branch, or leaves it where they do not go together. */
  sync(caller: Caller, app: AppDocument, workspaceId: string): Promise<SyncOutcome>
  /** A commit that changes no file. */
  checkpoint(
    caller: Caller,
    app: AppDocument,
    workspaceId: string,
    message: string | undefined,
  ): Promise<{ commit_sha: string; message: string }>
}

const WORKSPACE_RESET = { entityType: 'workspace', action: 'reset' } as const
const SYNCED = { entityType: 'workspace', action: 'synced_integration' } as const
const CHECKPOINT = { entityType: 'file', action: 'checkpoint' } as const

export function createWorkspaceMoves(services: Services): WorkspaceMoves {
  async function integrationTip(caller: Caller, app: AppDocument): Promise<string> {
    const tip = await services.git.branchTip(repositoryOf(app), app.integration_branch, caller)
    if (tip === undefined) throw conflict('the integration branch does not exist')
    return tip
  }

  async function requireTip(caller: Caller, app: AppDocument, { branch_name }: WorkspaceDocument): Promise<string> {
    const tip = await services.git.branchTip(repositoryOf(app), branch_name, caller)
    if (tip === undefined) throw notFound('branch', branch_name)
    return tip
  }

  /** What has changed on both sides since the branch was last on the integration branch. */
  async function conflictingPaths(
    caller: Caller,
    app: AppDocument,
    workspace: WorkspaceDocument,
    sides: { from: Whereabouts; tip: string; integration: string },
  ): Promise<string[]> {
    const { git, workspaces } = services
    const base = sides.from.base_sha ?? (await workspaces.baseOf(caller, app, workspace))
    const repository = repositoryOf(app)
    const [ours, theirs] = await Promise.all([
      git.diffStats(repository, base, sides.tip, caller),
      git.diffStats(repository, base, sides.integration, caller),
    ])
    return changedOnBoth(ours, theirs)
  }

  async function audit(
    caller: Caller,
    workspace: WorkspaceDocument,
    what: Pick<AuditEvent, 'entityType' | 'action'>,
    before: Record<string, unknown>,
    after: { head_sha: string } & Record<string, unknown>,
  ): Promise<void> {
    await services.audit.record(caller, {
      appId: workspace.app_id,
      actor: caller.user,
      ...what,
      entityId: workspace._id.toHexString(),
      before,
      after,
      gitSha: after.head_sha,
    })
  }

  return {
    async reset(caller, app, workspaceId) {
      const { git } = services
      const workspace = await services.workspaces.owned(caller, app, workspaceId)
      const repository = repositoryOf(app)
      const branch = workspace.branch_name
      let before = {}
      const { head } = await services.heads.move(caller, app, workspace, async ({ base_sha = null }) => {
        // A branch that somebody has deleted is made anew.
        const tip =
          (await git.branchTip(repository, branch, caller)) ??
          (await git.createBranch(repository, branch, app.integration_branch, caller.user, caller))
        const to = await integrationTip(caller, app)
        await onMovingTip(git, { repository, branch, tip }, caller, async (at) => {
          // The audit row is the last that names the commits which are left behind.
          before = { head_sha: at, base_sha }
          const arrived =
            at === to || (await git.moveReference(repository, branchRef(branch), { from: at, to }, caller))
          if (!arrived) throw movedElsewhere()
          return to
        })
        return { head: to, base: to }
      })
      await audit(caller, workspace, WORKSPACE_RESET, before, { head_sha: head, base_sha: head })
      return { head_sha: head, message: `the workspace is at the head of ${app.integration_branch}` }
    },

    async sync(caller, app, workspaceId) {
      const { git } = services
      const workspace = await services.workspaces.owned(caller, app, workspaceId)
      const repository = repositoryOf(app)
      const branch = workspace.branch_name
      let before = { head_sha: '', base_sha: null as string | null }
      let conflicting: string[] | undefined
      const { head, base } = await services.heads.move(caller, app, workspace, async (from) => {
        const onto = await integrationTip(caller, app)
        let met = false
        const tip = await requireTip(caller, app, workspace)
        const head = await onMovingTip(git, { repository, branch, tip }, caller, async (at) => {
          before = { head_sha: at, base_sha: from.base_sha ?? null }
          const outcome = await git.rebase(repository, { branch, tip: at, onto }, caller.user, caller)
          met = 'conflict' in outcome
          return 'conflict' in outcome ? at : outcome.commit
        })
        if (!met) return { head, base: onto }
        conflicting = await conflictingPaths(caller, app, workspace, { from, tip: head, integration: onto })
        return { head }
      })
      const name = app.integration_branch
      if (conflicting !== undefined) {
        const message = `the workspace and ${name} change the same files in ways that do not go together`
        return { clean: false, head_sha: head, conflicting_paths: conflicting, message }
      }
      await audit(caller, workspace, SYNCED, before, { head_sha: head, base_sha: base })
      const message =
        head === before.head_sha ? `the workspace has all of ${name}` : `the workspace is based on the head of ${name}`
      return { clean: true, head_sha: head, conflicting_paths: [], message }
    },

    async checkpoint(caller, app, workspaceId, given) {
      const workspace = await services.workspaces.owned(caller, app, workspaceId)
      const message = commitMessage(given, 'checkpoint')
      const repository = repositoryOf(app)
      let before = ''
      const { head } = await services.heads.move(caller, app, workspace, async ({ head_sha: tip }) => {
        before = tip
        const checkpoint = { repository, branch: workspace.branch_name, tip, message }
        return { head: await services.commits.checkpoint(caller, checkpoint) }
      })
      await audit(caller, workspace, CHECKPOINT, { head_sha: before }, { head_sha: head, message })
      return { commit_sha: head, message }
    },
  }
}
