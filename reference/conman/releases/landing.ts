/**
 * Bringing what was composed onto the integration branch and under its tag.
 *
 * Whatever is done already is passed over, also when the integration branch has gone further on since.
 */
import { status } from '@grpc/grpc-js'
import { repositoryOf } from '../apps/service.ts'
import { GitError } from '../git/call.ts'
import { branchRef, type Deadline } from '../git/wire.ts'
import type { User } from '../http/context.ts'
import { type ApiError, conflict } from '../http/errors.ts'
import type { AppDocument, ReleaseDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

/** Where the integration branch is, seen from a release: where it was composed, at or beyond what came of it, or elsewhere. */
export type Place = 'base' | 'landed' | 'elsewhere'

export interface Composed {
  tag: string
  base: string
  commit: string
}

/** A row that Conman itself wrote can be validated without. */
export function isComposed({ compose_base_sha, composed_sha }: ReleaseDocument): boolean {
  return Boolean(compose_base_sha && composed_sha)
}

export function composedOf({ tag, compose_base_sha, composed_sha }: ReleaseDocument): Composed {
  if (!compose_base_sha || !composed_sha) throw new Error('the release has not been composed')
  return { tag, base: compose_base_sha, commit: composed_sha }
}

export async function placeOf(
  services: Services,
  app: AppDocument,
  { base, commit }: Composed,
  deadline: Deadline,
): Promise<Place> {
  const repository = repositoryOf(app)
  const tip = await services.git.branchTip(repository, app.integration_branch, deadline)
  if (tip === undefined) throw conflict('the integration branch does not exist')
  if (tip === commit) return 'landed'
  if (tip === base) return 'base'
  return (await services.git.isAncestor(repository, commit, tip, deadline)) ? 'landed' : 'elsewhere'
}

/** `begun` tells whether the branch has been moved, or may have been; what was not begun has left nothing behind. */
export type Landing = { landed: true } | { landed: false; begun: boolean; because: 'elsewhere' | 'tag taken' | Failure }

export interface Failure {
  error: unknown
}

/** Moves the branch, then makes the tag. A tag that is somebody else's is noticed before anything is moved. */
export async function land(
  services: Services,
  app: AppDocument,
  release: Composed,
  user: User,
  deadline: Deadline,
): Promise<Landing> {
  const { git } = services
  const repository = repositoryOf(app)
  const reference = branchRef(app.integration_branch)
  let begun = false
  try {
    for (;;) {
      const place = await placeOf(services, app, release, deadline)
      if (place === 'elsewhere') return { landed: false, begun, because: 'elsewhere' }
      begun = place === 'landed'
      if (place === 'base') {
        const tagged = await git.tagTarget(repository, release.tag, deadline)
        if (tagged !== undefined && tagged !== release.commit) return { landed: false, begun, because: 'tag taken' }
        const move = { from: release.base, to: release.commit }
        const moved = await git.moveReference(repository, reference, move, deadline).catch((error: unknown) => {
          begun = isInDoubt(error)
          throw error
        })
        // Somebody moved it at this moment: where it is now decides.
        if (!moved) continue
        begun = true
      }
      const tagged = await git.createTag(repository, release.tag, release.commit, user, deadline)
      return tagged ? { landed: true } : { landed: false, begun, because: 'tag taken' }
    }
  } catch (error) {
    return { landed: false, begun, because: { error } }
  }
}

/** Whether the backend may have done, or may still do, what it did not answer to. */
function isInDoubt(error: unknown): boolean {
  const unanswered = [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED, status.UNKNOWN]
  return !(error instanceof GitError) || unanswered.includes(error.code)
}

export function tagTaken(tag: string): ApiError {
  return conflict(`the repository has a tag ${tag} on another commit`)
}
