// What was to be released against what was: pure. Tags, content, the branch's line, changesets and jobs, each in words.

import type { ReleasesEvidence } from './evidence.ts'

type Git = NonNullable<ReleasesEvidence['git']>
type Releases = ReleasesEvidence['releases']

const OUT: ReadonlySet<string> = new Set(['published', 'deployed_partial', 'deployed_full'])

/** Published, whatever was deployed of it since. */
export function isOut({ state }: { state: string }): boolean {
  return OUT.has(state)
}

/** Those that are out, in the order of their numbers. */
export function publishedOf({ releases }: ReleasesEvidence) {
  return releases.flatMap((release) =>
    release.seen !== null && isOut(release.seen) ? [{ ...release, seen: release.seen }] : [],
  )
}

export function shownRelease({ number, seen }: Pick<Releases[number], 'number' | 'seen'>): string {
  return seen === null ? `release ${number}` : `release ${number} (${seen.tag})`
}

/** With the last thing that the target said to it. Those that only its rate limit kept from being published are apart. */
export function unpublished({ releases }: ReleasesEvidence): { broken: string[]; throttled: string[] } {
  const open = releases.filter(({ seen }) => seen === null || !isOut(seen))
  const isThrottled = ({ steps }: Releases[number]) => steps.findLast(({ refused }) => refused !== null)?.status === 429
  const shown = (some: Releases) =>
    some.map((release) => {
      const said = release.steps.findLast(({ refused }) => refused !== null)
      const state = release.seen === null ? 'not in the list' : release.seen.state
      return `${shownRelease(release)}, which is ${state}${said ? ` (${said.what}: ${said.refused})` : ''}`
    })
  return {
    broken: shown(open.filter((release) => !isThrottled(release))),
    throttled: shown(open.filter(isThrottled)),
  }
}

export function wrongTags(evidence: ReleasesEvidence, git: Git): string[] {
  const tags = new Map(git.tags.map((one) => [one.tag, one.commit]))
  return publishedOf(evidence).flatMap((release) => {
    const { tag, published_sha } = release.seen
    const commit = tags.get(tag) ?? null
    if (commit === null) return [`${shownRelease(release)}: git has no such tag`]
    return published_sha === null || commit === published_sha
      ? []
      : [`${shownRelease(release)}: the tag names ${short(commit)}, published was ${short(published_sha)}`]
  })
}

/** Published, and the target does not say as which commit. */
export function unnamed(evidence: ReleasesEvidence): string[] {
  return publishedOf(evidence)
    .filter(({ seen }) => seen.published_sha === null)
    .map(shownRelease)
}

export function sharedTags(evidence: ReleasesEvidence): string[] {
  const published = publishedOf(evidence)
  return published
    .filter(({ seen }, index) => published.findIndex((other) => other.seen.tag === seen.tag) !== index)
    .map((release) => `${shownRelease(release)} has the tag of another`)
}

/** One release's predecessors in the order in which they landed: pairs whose publications did not overlap decide. */
function isBefore(a: Releases[number], b: Releases[number]): boolean {
  return a.publishing !== null && b.publishing !== null && a.publishing.to_ms <= b.publishing.from_ms
}

/** A release and those that landed before it; of those published at its time the branch's line decides. Null: not known. */
function landedUpTo(evidence: ReleasesEvidence, git: Git, release: Releases[number]): Set<number> | null {
  const place = placesOf(evidence, git)
  const own = place.get(release.number)
  const landed = new Set([release.number])
  for (const other of publishedOf(evidence)) {
    if (other.number === release.number || isBefore(release, other)) continue
    if (!isBefore(other, release)) {
      const others = place.get(other.number)
      if (own === undefined || others === undefined) return null
      if (others > own) continue
    }
    landed.add(other.number)
  }
  return landed
}

/** Where on the branch's line each release has its published commit. */
function placesOf(evidence: ReleasesEvidence, git: Git): Map<number, number> {
  const places = new Map<number, number>()
  for (const { number, seen } of publishedOf(evidence)) {
    const at = git.line.findIndex(({ commit }) => commit === seen.published_sha)
    if (at >= 0) places.set(number, at)
  }
  return places
}

/** What each path must hold once these releases are out; null where it must not be there. */
function expectedAfter({ changesets, shared }: ReleasesEvidence, released: ReadonlySet<number>) {
  const expected = new Map<string, string | null>()
  for (const { path, release, sha256 } of changesets) expected.set(path, released.has(release) ? sha256 : null)
  const ofShared = changesets.filter(({ path, release }) => path === shared.path && released.has(release))
  const version = shared.versions.find(
    ({ releases }) =>
      releases.length === ofShared.length && ofShared.every(({ release }) => releases.includes(release)),
  )
  if (version === undefined) throw new Error('the evidence does not say what the shared file must hold')
  return expected.set(shared.path, version.sha256)
}

export interface ContentLedger {
  files: number
  /** Paths that are not there, or do not hold what was released. */
  lacking: string[]
  /** Paths that hold what was not released by then. */
  surplus: string[]
  /** Where it could not be told what must be there, or what is. */
  unknown: string[]
}

/** At each tag exactly what its changesets and those of all releases before it brought, and nothing else. */
export function contentAtTags(evidence: ReleasesEvidence, git: Git): ContentLedger {
  const ledger: ContentLedger = { files: 0, lacking: [], surplus: [], unknown: [] }
  for (const release of publishedOf(evidence)) {
    const tag = git.tags.find((one) => one.tag === release.seen.tag)
    if (tag === undefined || tag.commit === null) continue
    const landed = landedUpTo(evidence, git, release)
    if (landed === null) {
      ledger.unknown.push(`${shownRelease(release)}, which was published at the same time as another`)
      continue
    }
    const expected = expectedAfter(evidence, landed)
    compare(ledger, `${shownRelease(release)}: `, expected, tag.files)
    const strange = tag.changed.filter((path) => !expected.has(path))
    ledger.surplus.push(...strange.map((path) => `${shownRelease(release)}: ${path}, which no changeset touches`))
  }
  return ledger
}

/** What everybody finds after the last one. */
export function contentByApi(
  evidence: ReleasesEvidence,
  files: NonNullable<ReleasesEvidence['read_by_api']>,
): ContentLedger {
  const read = files.filter(({ status }) => (status >= 200 && status <= 299) || status === 404)
  // Targets without a git backend of their own say 502 for a file that is not there (HD51): nothing is known of it.
  const unknown = files.filter((file) => !read.includes(file)).map(({ path, status }) => `${path}: HTTP ${status}`)
  const ledger: ContentLedger = { files: 0, lacking: [], surplus: [], unknown }
  const released = new Set(publishedOf(evidence).map(({ number }) => number))
  const expected = expectedAfter(evidence, released)
  for (const { path } of files.filter((file) => !read.includes(file))) expected.delete(path)
  compare(ledger, '', expected, read)
  return ledger
}

function compare(
  ledger: ContentLedger,
  where: string,
  expected: ReadonlyMap<string, string | null>,
  found: readonly { path: string; sha256: string | null }[],
): void {
  const holds = new Map(found.map(({ path, sha256 }) => [path, sha256]))
  for (const [path, wanted] of expected) {
    const sha256 = holds.get(path) ?? null
    ledger.files += 1
    if (sha256 === wanted) continue
    if (wanted === null) ledger.surplus.push(`${where}${path}, whose release was not out`)
    else ledger.lacking.push(`${where}${path} ${sha256 === null ? 'is not there' : 'holds something else'}`)
  }
}

export interface LineLedger {
  /** Changesets of published releases that were looked for. */
  looked: number
  /** Changesets that no commit, or more than one, brought to the branch. */
  notOnce: string[]
  /** Pairs of changesets whose order is known. */
  pairs: number
  outOfOrder: string[]
}

/** Along first parents: each changeset came once, in the order of the publications, and in a release in its order. */
export function lineOf(evidence: ReleasesEvidence, git: Git): LineLedger {
  const ledger: LineLedger = { looked: 0, notOnce: [], pairs: 0, outOfOrder: [] }
  const published = new Map(publishedOf(evidence).map((release) => [release.number, release]))
  const awaited = evidence.changesets.filter(({ release }) => published.has(release))
  const touching = new Map<string, typeof awaited>()
  for (const changeset of awaited) {
    touching.set(changeset.path, [...(touching.get(changeset.path) ?? []), changeset])
  }
  const placed: { changeset: (typeof awaited)[number]; at: number }[] = []
  for (const [path, changesets] of touching) {
    const at = git.line.flatMap((commit, index) => (commit.paths.includes(path) ? [index] : []))
    ledger.looked += changesets.length
    if (at.length !== changesets.length) {
      const which = changesets.map(({ number }) => `changeset ${number}`).join(' and ')
      ledger.notOnce.push(`${which}: ${at.length} commits of the branch bring ${path}, not ${changesets.length}`)
      continue
    }
    const inOrder = changesets.toSorted((a, b) => orderOf(published, a) - orderOf(published, b))
    const isOrderKnown = inOrder.every((one, index) => {
      const next = inOrder[index + 1]
      return next === undefined || isBefore(published.get(one.release)!, published.get(next.release)!)
    })
    if (!isOrderKnown) continue
    for (const [index, changeset] of inOrder.entries()) placed.push({ changeset, at: at[index]! })
  }
  for (const a of placed) {
    for (const b of placed) {
      const [before, after] = [published.get(a.changeset.release)!, published.get(b.changeset.release)!]
      const sameRelease = before === after
      const first = sameRelease ? isListedBefore(before, a.changeset.id, b.changeset.id) : isBefore(before, after)
      if (!first) continue
      ledger.pairs += 1
      const right = sameRelease ? a.at <= b.at : a.at < b.at
      if (!right) {
        ledger.outOfOrder.push(
          `changeset ${a.changeset.number} of ${shownRelease(before)} comes after changeset ${b.changeset.number} of ${shownRelease(after)}`,
        )
      }
    }
  }
  return ledger
}

function orderOf(published: ReadonlyMap<number, Releases[number]>, { release }: { release: number }): number {
  return published.get(release)?.publishing?.from_ms ?? Number.POSITIVE_INFINITY
}

function isListedBefore({ seen }: Releases[number], a: string, b: string): boolean {
  const ids = seen?.changeset_ids ?? []
  return ids.includes(a) && ids.includes(b) && ids.indexOf(a) < ids.indexOf(b)
}

/** Of the releases that are out: changesets that are not in the state released. */
export function notReleased(evidence: ReleasesEvidence): string[] {
  return ofPublished(evidence)
    .filter(({ state }) => state !== 'released')
    .map(({ number, release, state }) => `changeset ${number} of release ${release} is ${state ?? 'not in the list'}`)
}

/** Of the releases that are out: changesets that are part of another one, of several, or of none. */
export function notOnceReleased(evidence: ReleasesEvidence): string[] {
  const idOf = new Map(evidence.releases.map(({ number, id }) => [number, id]))
  return ofPublished(evidence)
    .filter(({ release, released_in }) => released_in.length !== 1 || released_in[0] !== idOf.get(release))
    .map(
      ({ number, release, released_in }) =>
        `changeset ${number} of release ${release} is in ${released_in.length} releases`,
    )
}

export function ofPublished(evidence: ReleasesEvidence): ReleasesEvidence['changesets'] {
  const published = new Set(publishedOf(evidence).map(({ number }) => number))
  return evidence.changesets.filter(({ release }) => published.has(release))
}

export interface JobLedger {
  revalidations: number
  /** Still queued or running. */
  left: string[]
  /** About a changeset or a release that the app does not have. */
  orphaned: string[]
  /** Revalidations that did not succeed, or that found a conflict where there is none. */
  wrong: string[]
  /** Revalidations of one changeset after one release, more than once. */
  doubled: string[]
  /** How many revalidations told which release they follow. */
  told: number
  /** Changesets that were still queued when a release before theirs was published, and were not looked at again. */
  missed: string[]
  /** Those of which that is known. */
  awaited: number
}

const ABOUT: Readonly<Record<string, 'changeset_ids' | 'release_ids'>> = {
  msuite_submit: 'changeset_ids',
  revalidate_queued_changeset: 'changeset_ids',
  release_assemble: 'release_ids',
  msuite_merge: 'release_ids',
}

export function jobsOf(evidence: ReleasesEvidence): JobLedger {
  const { rows } = evidence.jobs
  const about = new Map(evidence.changesets.map((changeset) => [changeset.id, changeset]))
  // Where somebody else's changesets wait in the same queue, those may well conflict.
  const revalidations = rows.filter(
    ({ type, entity_id }) => type === 'revalidate_queued_changeset' && about.has(entity_id ?? ''),
  )
  const numberOf = (id: string | null) => about.get(id ?? '')?.number ?? '?'
  const shown = (job: (typeof rows)[number]) => `${job.type} ${job.id} of changeset ${numberOf(job.entity_id)}`
  const others = revalidations.filter((job) => job.release_id !== null && !isOwn(job))
  const counts = new Map<string, number>()
  for (const { entity_id, release_id } of others) {
    const key = `changeset ${numberOf(entity_id)} after release ${release_id}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  const waiting = evidence.changesets.filter((changeset) => {
    const own = evidence.releases.find(({ number }) => number === changeset.release)
    return own !== undefined && evidence.releases.some((release) => isBefore(release, own))
  })
  const lookedAt = new Set(revalidations.map(({ entity_id }) => entity_id))
  return {
    revalidations: revalidations.length,
    left: rows
      .filter(({ state }) => state === 'queued' || state === 'running')
      .map((job) => `${shownJob(job)} is ${job.state}`),
    orphaned: rows
      .filter(({ type, entity_id }) => {
        const ids = ABOUT[type]
        return ids !== undefined && (entity_id === null || !evidence.jobs[ids].includes(entity_id))
      })
      .map(shownJob),
    wrong: revalidations
      .filter((job) => job.state === 'failed' || job.state === 'canceled' || isConflict(job.result))
      .map((job) => `${shown(job)}: ${isConflict(job.result) ? job.result : job.state}`),
    doubled: [...counts].filter(([, count]) => count > 1).map(([key, count]) => `${key}: ${count} jobs`),
    told: others.length,
    missed: waiting.filter(({ id }) => !lookedAt.has(id)).map(({ number }) => `changeset ${number}`),
    awaited: waiting.length,
  }

  /** A release that has to be assembled again may ask for its own changesets again and again. */
  function isOwn({ entity_id, release_id }: (typeof rows)[number]): boolean {
    const release = evidence.releases.find(({ id }) => id === release_id)
    return release !== undefined && about.get(entity_id ?? '')?.release === release.number
  }
}

function isConflict(result: string | null): boolean {
  return result === 'conflicted' || result === 'needs_revalidation'
}

function shownJob({ id, type, entity_id }: ReleasesEvidence['jobs']['rows'][number]): string {
  return `${type} ${id} (${entity_id ?? 'of nothing'})`
}

export function short(sha: string): string {
  return sha.slice(0, 12)
}
