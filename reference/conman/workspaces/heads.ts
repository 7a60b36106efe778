/**
 * Moving the branch of a workspace and recording where it is then: the one way of edits, checkpoints, syncs and resets.
 *
 * Within a process the moves of a workspace take turns, and each is told by the one before where the branch is. Across
 * processes a move is bound to the commit that it starts from, and its record to the version that it was worked out from.
 */
import { repositoryOf } from '../apps/service.ts'
import type { Caller } from '../http/context.ts'
import { notFound } from '../http/errors.ts'
import { createKeyedLock } from '../keyed-lock.ts'
import type { AppDocument, WorkspaceDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { createHeadRecorder, type Whereabouts } from './head-recorder.ts'

export interface Place {
  /** The commit that the branch is at. */
  head: string
  /** The integration commit that it stands on, where that has changed. */
  base?: string
}

export interface WorkspaceHeads {
  /** `make` moves the branch; it is told where the workspace is believed to be, and answers where it has brought it. */
  move(
    caller: Caller,
    app: AppDocument,
    workspace: WorkspaceDocument,
    make: (from: Whereabouts) => Promise<Place>,
  ): Promise<Place>
}

export function createWorkspaceHeads(services: Services): WorkspaceHeads {
  const { data } = services.store
  const record = createHeadRecorder(services)
  const turns = createKeyedLock<{ made: Place; at: Whereabouts }>()

  /** Another process recorded a move of its own meanwhile; only the branch knows which of the two came last. */
  async function reconcile(caller: Caller, app: AppDocument, { _id }: Whereabouts, base: string | undefined) {
    for (;;) {
      const stored = await data.workspaces.findOne({ _id })
      if (stored === null) throw notFound('workspace', _id.toHexString())
      const tip = await services.git.branchTip(repositoryOf(app), stored.branch_name, caller)
      if (tip === undefined) throw notFound('branch', stored.branch_name)
      const standsOn = base && (await laterBase(caller, app, tip, base, stored.base_sha))
      if (stored.head_sha === tip && (standsOn ?? stored.base_sha) === stored.base_sha) return stored
      const at = await record({ userId: caller.user.id, from: stored, head: tip, base: standsOn })
      if (at !== undefined) return at
    }
  }

  /** Of the commits that two processes say the branch stands on, the later one that it has. */
  async function laterBase(caller: Caller, app: AppDocument, tip: string, ours: string, theirs: string | undefined) {
    const has = (commit: string, base: string) => services.git.isAncestor(repositoryOf(app), base, commit, caller)
    if (theirs === undefined || theirs === ours) return ours
    if (!(await has(tip, ours))) return theirs
    return (await has(tip, theirs)) && (await has(theirs, ours)) ? theirs : ours
  }

  return {
    async move(caller, app, workspace, make) {
      const { made } = await turns.run(workspace._id.toHexString(), async (previous) => {
        const from = previous?.at ?? workspace
        const made = await make(from)
        const { head, base } = made
        if (head === from.head_sha && (base ?? from.base_sha) === from.base_sha) return { made, at: from }
        const at = await record({ userId: caller.user.id, from, head, base })
        return { made, at: at ?? (await reconcile(caller, app, from, base)) }
      })
      return made
    },
  }
}
