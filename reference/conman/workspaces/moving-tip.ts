/**
 * Work on a branch that others may move: it is done on the commit that the branch is believed to be at, and done again on the
 * next one as long as the branch turns out to be elsewhere.
 *
 * Others are another process, an attempt whose answer was lost, or somebody with access to the repository.
 */
import { status } from '@grpc/grpc-js'
import { isGitStatus } from '../git/errors.ts'
import type { GitReferences } from '../git/references.ts'
import type { Deadline, Repository } from '../git/wire.ts'
import { ApiError, conflict, notFound } from '../http/errors.ts'

export interface Tip {
  repository: Repository
  branch: string
  /** Where the branch is believed to be. */
  tip: string
}

const MAX_TRIES = 5

/** `step` answers the commit that it has brought the branch to: the same one, if there is nothing to do. */
export async function onMovingTip(
  git: Pick<GitReferences, 'branchTip'>,
  { repository, branch, tip }: Tip,
  deadline: Deadline,
  step: (tip: string) => Promise<string>,
): Promise<string> {
  let at = tip
  for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
    let refusal: unknown
    try {
      const commit = await step(at)
      if (commit !== at) return commit
    } catch (error) {
      if (!dependsOnTip(error)) throw error
      refusal = error
    }
    // That there is nothing to do, or that it is refused, holds only if the branch is where it was believed to be.
    const now = await git.branchTip(repository, branch, deadline)
    if (now === undefined) throw notFound('branch', branch)
    if (now === at && refusal !== undefined) throw refusal
    if (now === at) return at
    at = now
  }
  throw movedElsewhere()
}

export function movedElsewhere(): ApiError {
  return conflict('the workspace is being changed elsewhere')
}

/** A refusal of ours, or what backends answer when a branch, or a file on it, is not as it was when the step was prepared. */
function dependsOnTip(error: unknown): boolean {
  return (
    error instanceof ApiError ||
    isGitStatus(error, status.FAILED_PRECONDITION, status.ABORTED, status.ALREADY_EXISTS, status.NOT_FOUND)
  )
}
