/** The states of a release, and what each allows (contract: specified-only §4). */
import { type ApiError, conflict } from '../http/errors.ts'
import type { ReleaseDocument, ReleaseState } from '../mongo/documents.ts'

/** Out in git, and not taken back. */
export const OUT: readonly ReleaseState[] = ['published', 'deployed_partial', 'deployed_full']

/** What a release has no more once it is a draft again. */
export const NOT_COMPOSED = { compose_base_sha: null, composed_sha: null, publishing: null } as const

export function requireState(release: ReleaseDocument, state: ReleaseState, deed: string): void {
  if (release.state !== state) throw wrongState(release.state, deed)
}

function wrongState(state: ReleaseState, deed: string): ApiError {
  return conflict(`a release that is ${state} cannot be ${deed}`)
}

export function changedMeanwhile(): ApiError {
  return conflict('the release has just been changed by somebody else')
}

/** Twice what a request may take: whoever began something this long ago is not at it any more. */
export const INTERRUPTED_MS = 60_000
