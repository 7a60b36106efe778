// How much the seed makes: the specified volume (E12 §6.7, decisions C8 and L7). The scale tier's size is the profile's.

/** Order as a changeset passes them. 500 in all; `released` and `rejected` are closed, every other one is open. */
export const STATES = {
  draft: 60,
  submitted: 50,
  in_review: 40,
  changes_requested: 40,
  approved: 40,
  queued: 40,
  conflicted: 35,
  needs_revalidation: 35,
  rejected: 40,
  released: 120,
} as const
export type ChangesetState = keyof typeof STATES

export function isOpen(state: ChangesetState): boolean {
  return state !== 'released' && state !== 'rejected'
}

export interface RepositoryShape {
  areas: number
  /** In each area; each is a directory with a directory of its own. */
  services: number
  /** In each service's directory, and one less in the one below it. */
  files: number
  /** Files side by side in one directory. */
  catalogue: number
  /** Commits of `main`, spread over the seeded time. */
  commits: number
}

/** 10,203 files in 1,227 directories: the requirement says at least 10,000 in at least 500. */
export const LARGE_REPOSITORY: RepositoryShape = { areas: 24, services: 25, files: 8, catalogue: 1_200, commits: 400 }
export const SMALL_REPOSITORY: RepositoryShape = { areas: 3, services: 5, files: 4, catalogue: 12, commits: 60 }

export const VOLUME = {
  apps: 10,
  people: 50,
  /** The mixed ones of each app; 500 together. Use is never even. */
  changesets: [200, 100, 25, 25, 25, 25, 25, 25, 25, 25],
  /** L7's, all in the first app, beside the mixed ones. None of the mixed ones there is queued: so it is 500 exactly. */
  queued: 500,
  /** How far back the oldest goes. */
  days: 90,
  /** Files that one changeset of the large repository changes: the one whose diff is read. */
  wide_files: 1_000,
  /** Changesets that go out together. */
  release_size: 5,
} as const

/** The numbers of the apps that scenarios ask for. */
export const LISTING_APP = 1
export const LARGE_APP = 2

export const DAY_MS = 86_400_000
