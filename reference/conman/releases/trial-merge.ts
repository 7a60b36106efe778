/** Merging a changeset into a commit without touching a branch. */
import { repositoryOf } from '../apps/service.ts'
import { changedOnBoth } from '../git/changed-on-both.ts'
import { mergeRef } from '../git/merges.ts'
import type { Deadline } from '../git/wire.ts'
import type { User } from '../http/context.ts'
import type { AppDocument, ChangesetDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

export interface TrialMerge {
  app: AppDocument
  changeset: ChangesetDocument
  /** The commit that it is merged into. */
  onto: string
  /** What the merge is for: names the place where it is kept. */
  of: { toHexString(): string }
  message: string
  user: User
}

/** The new commit, or the files that both sides have changed where they do not go together. */
export async function trialMerge(
  services: Services,
  { app, changeset, onto, of, message, user }: TrialMerge,
  deadline: Deadline,
): Promise<{ commit: string } | { conflict: string[] }> {
  const { git } = services
  const repository = repositoryOf(app)
  const source = headOf(changeset)
  const merge = { source, onto, target: mergeRef(of.toHexString()), message }
  const outcome = await git.merge(repository, merge, user, deadline)
  if ('commit' in outcome) return outcome
  // A row that Conman itself wrote does not say what it was made on.
  const base = changeset.base_sha ?? onto
  const [ours, theirs] = await Promise.all([
    git.diffStats(repository, base, onto, deadline),
    git.diffStats(repository, base, source, deadline),
  ])
  return { conflict: changedOnBoth(ours, theirs) }
}

/** The commit that was reviewed. */
export function headOf({ submitted_head_sha, head_sha }: ChangesetDocument): string {
  return submitted_head_sha ?? head_sha
}

/** On one line: a title may hold anything. */
export function mergeMessage(beginning: string, { _id, title }: ChangesetDocument): string {
  return `${beginning} changeset ${_id.toHexString()} (${title.replaceAll(/\p{Cc}+/gu, ' ')})`
}
