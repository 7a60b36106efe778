// What stands where, before anything is written: people, apps, workspaces, changesets, releases. Pure; follows from the
// prefix alone. Moments are ages, in milliseconds before the seeding.

import { type Numbers, numbersFrom } from './numbers.ts'
import {
  type ChangesetState,
  DAY_MS,
  isOpen,
  LARGE_APP,
  LARGE_REPOSITORY,
  LISTING_APP,
  type RepositoryShape,
  SMALL_REPOSITORY,
  STATES,
  VOLUME,
} from './shape.ts'

export type Role = 'user' | 'reviewer' | 'config_manager' | 'app_admin'

export interface PlannedPerson {
  number: number
  role: Role
  age_ms: number
}

export interface PlannedWorkspace {
  number: number
  owner: number
  isDefault: boolean
  branch: string
  /** The commit of `main` that it begins at, by its index. */
  from: number
  /** Files that its branch changes; 0: it stands on `main`. */
  files: number
  age_ms: number
}

export interface PlannedChangeset {
  number: number
  state: ChangesetState
  author: number
  workspace: number
  title: string
  description: string | null
  /** How often it was handed in. */
  revision: number
  reviewer: number | null
  queuePosition: number | null
  /** What it is made on, by the index of the commit of `main`; the head of one that went out is the next one. */
  released: number | null
  created_age_ms: number
  updated_age_ms: number
}

export interface PlannedRelease {
  number: number
  changesets: number[]
  /** The commit of `main` that it published, by its index. */
  commit: number
  age_ms: number
}

export interface PlannedApp {
  number: number
  name: string
  repository: RepositoryShape
  members: number[]
  workspaces: PlannedWorkspace[]
  changesets: PlannedChangeset[]
  releases: PlannedRelease[]
}

export interface VolumePlan {
  prefix: string
  people: PlannedPerson[]
  apps: PlannedApp[]
}

export function planVolume(prefix: string): VolumePlan {
  const numbers = numbersFrom(`${prefix} volume`)
  const people = Array.from({ length: VOLUME.people }, (_, index): PlannedPerson => {
    const number = index + 1
    return { number, role: roleOf(number), age_ms: VOLUME.days * DAY_MS + numbers.below(30 * DAY_MS) }
  })
  const states = statesByApp(numbers)
  const apps = states.map((mixed, index) => planApp(prefix, index + 1, people, mixed))
  return { prefix, people, apps }
}

/** Of fifty: two administrators, three config managers, ten reviewers. */
function roleOf(number: number): Role {
  if (number % 25 === 0) return 'app_admin'
  if (number % 15 === 0) return 'config_manager'
  return number % 5 === 1 ? 'reviewer' : 'user'
}

/** Everybody works on the first two apps; on each of the others a quarter does. */
function isMember(person: PlannedPerson, app: number): boolean {
  return (
    app <= LARGE_APP || person.role === 'app_admin' || person.role === 'reviewer' || (person.number + app) % 4 === 0
  )
}

/** The states of each app's mixed changesets. */
function statesByApp(numbers: Numbers): ChangesetState[][] {
  const dealt = numbers.shuffled(
    (Object.entries(STATES) as [ChangesetState, number][]).flatMap(([state, count]) =>
      new Array<ChangesetState>(count).fill(state),
    ),
  )
  // The first app takes from the others' end what is not queued.
  const elsewhere = dealt.filter((state) => state === 'queued')
  const anywhere = dealt.filter((state) => state !== 'queued')
  const [first, ...others] = VOLUME.changesets
  const listing = anywhere.splice(0, first)
  const rest = numbers.shuffled([...anywhere, ...elsewhere])
  return [listing, ...others.map((count) => rest.splice(0, count))]
}

function planApp(prefix: string, number: number, people: PlannedPerson[], states: ChangesetState[]): PlannedApp {
  const numbers = numbersFrom(`${prefix} app ${number}`)
  const members = people.filter((person) => isMember(person, number))
  const authors = members.map((person) => person.number)
  const reviewers = members.filter((person) => person.role !== 'user').map((person) => person.number)
  const repository = number === LARGE_APP ? LARGE_REPOSITORY : SMALL_REPOSITORY
  const name = `${prefix}-app-${String(number).padStart(2, '0')}`

  const workspaces: PlannedWorkspace[] = []
  const workspaceOf = (owner: number, isDefault: boolean, age_ms: number): PlannedWorkspace => {
    const at = workspaces.length + 1
    const workspace: PlannedWorkspace = {
      number: at,
      owner,
      isDefault,
      branch: isDefault ? `ws/${prefix}-${owner}/${name}` : `change/${at}`,
      from: commitAt(repository, age_ms),
      files: isDefault ? 0 : numbers.logNormal(2, 0.8, 20),
      age_ms,
    }
    workspaces.push(workspace)
    return workspace
  }
  // A hundred workspaces: each person's own, on the two apps that everybody works on.
  const defaults = new Map<number, PlannedWorkspace>()
  if (number <= LARGE_APP) {
    for (const owner of authors) defaults.set(owner, workspaceOf(owner, true, (60 + numbers.below(30)) * DAY_MS))
  }

  const taken = new Set<number>()
  const changesets: PlannedChangeset[] = []
  const add = (state: ChangesetState, at: { author: number; created_age_ms: number; updated_age_ms: number }) => {
    const { author, created_age_ms } = at
    const own = defaults.get(author)
    // One open changeset a workspace: the person's own one first, then one more for each.
    const free = own !== undefined && !(isOpen(state) && taken.has(own.number)) ? own : undefined
    const workspace = free ?? workspaceOf(author, false, created_age_ms)
    if (isOpen(state)) taken.add(workspace.number)
    workspace.files = Math.max(1, workspace.files)
    const others = reviewers.filter((reviewer) => reviewer !== author)
    const changeset: PlannedChangeset = {
      number: changesets.length + 1,
      state,
      workspace: workspace.number,
      ...textOf(numbers),
      revision: state === 'draft' ? 0 : 1 + numbers.below(3),
      reviewer: REVIEWED.has(state) ? numbers.pick(others) : null,
      queuePosition: null,
      released: null,
      ...at,
    }
    changesets.push(changeset)
    return changeset
  }

  let queued = 0
  for (const state of states) {
    const author = numbers.pick(authors)
    const created_age_ms = DAY_MS + numbers.below((VOLUME.days - 1) * DAY_MS)
    const changeset = add(state, { author, created_age_ms, updated_age_ms: numbers.below(created_age_ms) })
    if (state === 'queued') changeset.queuePosition = ++queued
  }
  if (number === LISTING_APP) planQueue(numbers, authors, add)
  if (number === LARGE_APP) {
    const wide = changesets.find(({ state }) => state === 'submitted')!
    workspaces[wide.workspace - 1]!.files = VOLUME.wide_files
  }
  return {
    number,
    name,
    repository,
    members: authors,
    workspaces,
    changesets,
    releases: planReleases(repository, changesets),
  }
}

/** What somebody has decided on. */
const REVIEWED: ReadonlySet<ChangesetState> = new Set([
  'approved',
  'queued',
  'released',
  'changes_requested',
  'rejected',
  'conflicted',
  'needs_revalidation',
])

/** L7's queue: its authors take turns, so that no two of them stand in the order of their creation. */
function planQueue(
  numbers: Numbers,
  authors: readonly number[],
  add: (state: 'queued', at: { author: number; created_age_ms: number; updated_age_ms: number }) => PlannedChangeset,
): void {
  const span_ms = VOLUME.days * DAY_MS
  let updated_age_ms = 0
  for (let place = 1; place <= VOLUME.queued; place += 1) {
    // The first place has waited longest. Every tenth was queued in the same moment as the one before it, as when
    // somebody queues many at once: a list that is sorted by the moment alone may then show one twice and another never.
    if (place % 10 !== 0) updated_age_ms = Math.round((span_ms * (VOLUME.queued - place)) / VOLUME.queued / 3)
    const created_age_ms = updated_age_ms + numbers.below(span_ms / 3) + 60_000
    add('queued', { author: authors[place % authors.length]!, created_age_ms, updated_age_ms }).queuePosition = place
  }
}

/** What went out, oldest first, a few at a time. */
function planReleases(repository: RepositoryShape, changesets: PlannedChangeset[]): PlannedRelease[] {
  const out = changesets
    .filter(({ state }) => state === 'released')
    .sort((a, b) => b.updated_age_ms - a.updated_age_ms || a.number - b.number)
  const releases: PlannedRelease[] = []
  for (let start = 0; start < out.length; start += VOLUME.release_size) {
    const members = out.slice(start, start + VOLUME.release_size)
    const age_ms = members.at(-1)!.updated_age_ms
    const commit = Math.max(members.length, commitAt(repository, age_ms))
    members.forEach((changeset, index) => {
      changeset.released = commit - members.length + index
      changeset.updated_age_ms = age_ms
    })
    releases.push({ number: releases.length + 1, changesets: members.map(({ number }) => number), commit, age_ms })
  }
  return releases
}

/** The newest commit of `main` that is at least this old, by its index: they are spread evenly. */
export function commitAt({ commits }: RepositoryShape, age_ms: number): number {
  const passed = 1 - Math.min(age_ms, VOLUME.days * DAY_MS) / (VOLUME.days * DAY_MS)
  return Math.min(commits - 1, Math.floor(passed * commits))
}

const WORDS = 'raise lower add remove move rename limit region service retry cache token quota rollout time-out'.split(
  ' ',
)

export function textOf(numbers: Numbers): { title: string; description: string | null } {
  const words = (count: number) => Array.from({ length: count }, () => numbers.pick(WORDS)).join(' ')
  return {
    title: words(3 + numbers.below(6)),
    description: numbers.below(5) === 0 ? null : words(numbers.logNormal(20, 0.9, 400)),
  }
}
