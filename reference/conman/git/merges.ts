/** Merging, rebasing and reverting, with conflicts told apart from failures. */
import { randomUUID } from 'node:crypto'
import { status } from '@grpc/grpc-js'
import type { User } from '../http/context.ts'
import { GitError, type Message } from './call.ts'
import { isGitStatus } from './errors.ts'
import { errorCaseOf } from './protocol.ts'
import type { GitReferences } from './references.ts'
import { branchRef, type Deadline, nonEmptyCommit, type Repository, type Rpc, wire, wireUser } from './wire.ts'

/** The new commit, or that the two sides do not go together. */
export type MergeOutcome = { commit: string } | { conflict: true }

export interface Merge {
  /** The commit to merge. */
  source: string
  /** What it is merged into: the first parent. */
  onto: string
  /** GC5: a full name below `refs/merge-requests/`; it is made, or moved, to the result. No branch changes. */
  target: string
  message: string
}

export interface GitMerges {
  merge(repository: Repository, merge: Merge, user: User, deadline: Deadline): Promise<MergeOutcome>
  /** Replays a branch, which must be at `tip`, on another commit. */
  rebase(
    repository: Repository,
    rebase: { branch: string; tip: string; onto: string },
    user: User,
    deadline: Deadline,
  ): Promise<MergeOutcome>
  /**
   * Takes the change of a commit, seen from its first parent, back on a branch that must be at `tip` and that nobody else
   * moves.
   */
  revert(
    repository: Repository,
    revert: { branch: string; tip: string; commit: string; message: string },
    user: User,
    deadline: Deadline,
  ): Promise<MergeOutcome | { empty: true }>
}

/** Where trial merges are kept, by what they are of: a place that no branch or tag can be in. */
export function mergeRef(id: string): string {
  return `refs/merge-requests/${id}/merge`
}

export function createMerges({ call, timeoutMs }: Rpc, references: GitReferences): GitMerges {
  return {
    async merge(repository, merge, user, deadline) {
      try {
        return await mergeInto(merge.target, merge)
      } catch (error) {
        if (saysConflict(error)) return { conflict: true }
        if (!isGitStatus(error, status.FAILED_PRECONDITION)) throw error
        // GitLab's Gitaly has no word for a conflict, and says a failed precondition as well when somebody else moves the
        // target or holds its lock. In a place that nobody else knows, only a conflict is left.
        return (await mergesElsewhere(merge)) ? mergeInto(merge.target, merge) : { conflict: true }
      }

      async function mergeInto(target: string, { source, onto, message }: Merge): Promise<MergeOutcome> {
        const request = {
          repository: wire(repository),
          user: wireUser(user),
          source_sha: source,
          target_ref: Buffer.from(target),
          message: Buffer.from(message),
          first_parent_ref: Buffer.from(onto),
        }
        const [reply] = await call('UserMergeToRef', timeoutMs.merge, deadline, request)
        return { commit: nonEmptyCommit('UserMergeToRef', reply?.commit_id) }
      }

      async function mergesElsewhere(merge: Merge): Promise<boolean> {
        const target = mergeRef(`trial-${randomUUID()}`)
        try {
          await mergeInto(target, merge)
          return true
        } catch (error) {
          if (saysConflict(error) || isGitStatus(error, status.FAILED_PRECONDITION)) return false
          throw error
        } finally {
          await references.deleteReference(repository, target, deadline)
        }
      }
    },

    async rebase(repository, { branch, tip, onto }, user, deadline) {
      const request = {
        repository: wire(repository),
        user: wireUser(user),
        source_sha: tip,
        target_ref: Buffer.from(branchRef(branch)),
        first_parent_ref: Buffer.from(onto),
        expected_old_oid: tip,
      }
      try {
        const [reply] = await call('UserRebaseToRef', timeoutMs.merge, deadline, request)
        return { commit: nonEmptyCommit('UserRebaseToRef', reply?.commit_id) }
      } catch (error) {
        if (saysConflict(error)) return { conflict: true }
        if (!isGitStatus(error, status.FAILED_PRECONDITION, status.ABORTED)) throw error
        // The branch may have been moved by an attempt whose answer was lost; one that is where it was may be locked.
        const now = await references.branchTip(repository, branch, deadline)
        const done = now !== undefined && now !== tip && (await references.isAncestor(repository, onto, now, deadline))
        if (!done) throw error
        return { commit: now }
      }
    },

    async revert(repository, { branch, tip, commit, message }, user, deadline) {
      const request = {
        repository: wire(repository),
        user: wireUser(user),
        commit: { id: commit },
        branch_name: Buffer.from(branch),
        message: Buffer.from(message),
        expected_old_oid: tip,
      }
      try {
        const [reply] = await call('UserRevert', timeoutMs.merge, deadline, request)
        // Older backends tell in a success what went wrong: 1 is an empty result, 2 a conflict.
        const refusal = String(reply?.create_tree_error ?? '') || String(reply?.commit_error ?? '')
        if (refusal !== '') return reply?.create_tree_error_code === 1 ? { empty: true } : { conflict: true }
        const update = reply?.branch_update as Message | null
        return { commit: nonEmptyCommit('UserRevert', update?.commit_id) }
      } catch (error) {
        if (saysConflict(error)) return { conflict: true }
        if (error instanceof GitError && errorCaseOf(error.metadata) === 'changes_already_applied')
          return { empty: true }
        if (!isGitStatus(error, status.FAILED_PRECONDITION, status.ABORTED)) throw error
        // The branch is the caller's own: where it is further on, an attempt whose answer was lost has done it.
        const now = await references.branchTip(repository, branch, deadline)
        if (now === undefined || now === tip || !(await references.isAncestor(repository, tip, now, deadline)))
          throw error
        return { commit: now }
      }
    },
  }
}

/** GC6: by the detail, by the word, or by gitaly-rs's way of losing git's words. */
function saysConflict(error: unknown): error is GitError {
  if (!(error instanceof GitError)) return false
  const lost = error.code === status.INTERNAL && /git merge/.test(error.message) && /stderr:\s*$/.test(error.message)
  return lost || errorCaseOf(error.metadata) === 'merge_conflict' || /conflict/i.test(error.message)
}
