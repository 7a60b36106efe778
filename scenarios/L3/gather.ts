// Fills a queue, publishes a release of its first changesets, and watches the rest being revalidated while the queue is listed;
// then asks the API and git what came of it. Touches the world, judges nothing.

import { mkdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Gatherer } from '../../harness/check.ts'
import { HarnessError, TargetFailed } from '../../harness/errors.ts'
import { GitRepository, isObjectId } from '../../harness/git.ts'
import type { K6Sample } from '../../harness/k6.ts'
import { mapInParallel } from '../../harness/parallel.ts'
import type { Profile } from '../../harness/profiles.ts'
import type { Run } from '../../harness/run.ts'
import { type Changeset, listChangesets } from '../../harness/target/conman/changesets.ts'
import type { Release } from '../../harness/target/conman/releases.ts'
import { ConmanError, sha256 } from '../../harness/target/conman.ts'
import type { Proposal, ProposedFile } from '../../seed/proposals.ts'
import { type SeededQueue, seedQueue } from '../../seed/queue.ts'
import { watchJobs } from '../lib/job-watch.ts'
import { rounded, runLoad, startOf } from '../lib/load.ts'
import { mannersOf } from '../lib/manners-settings.ts'
import type { QueueReaderSettings } from '../lib/settings.ts'
import { WARM_UP_S } from '../lib/warm-up.ts'
import { type QueuedChangeset, type QueueEvidence, QueueEvidenceSchema } from './evidence.ts'

const REQUEST_TIMEOUT_S = 30

/** A drain takes seconds to minutes. */
const LOOK_EVERY_MS = { mongo: 250, http: 2_000 }

/** The queue is listed for a moment before anything happens to it. */
const READ_BEFORE_S = 1

/** Lists may be read from a secondary, which can be a moment behind (DC2). */
const SETTLED_WITHIN_MS = 5_000

/** Git processes at once: two cores are busy with two. */
const GITS = 2

type Sizes = Profile['L3']
type Part = QueuedChangeset['part']

export const queueGatherer: Gatherer<QueueEvidence> = {
  id: 'L3',
  title: 'a long queue, a release of its first changesets, and the revalidation of the rest',
  schema: QueueEvidenceSchema,
  needs: ['http', 'repositories'],
  effect: 'writes',
  leaves:
    'an app of its own with its members, the changesets of the queue with a workspace each, and a published release',
  load: ({ L3 }) => ({ users: L3.reader_rate_per_s, requests_per_s: L3.reader_rate_per_s }),
  expected_s: ({ L3 }) => 15 + L3.queued / 4 + L3.reader_s,
  gather,
}

async function gather(run: Run): Promise<QueueEvidence> {
  const sizes = run.profile.L3
  const queue = await seedQueue(run, { authors: sizes.authors, label: 'queue', files: filesOf(run, sizes) })
  const { app, adminToken, proposals } = queue
  const before = await listed(run, queue, 'queued')
  const rest = proposals.filter(({ number }) => partOf(number, sizes) !== 'released')
  const draft = await assembled(run, queue, sizes)
  await using watch = await watchJobs(run, {
    appId: app.id,
    token: adminToken,
    type: 'revalidate_queued_changeset',
    entityIds: rest.map(({ changesetId }) => changesetId),
    every_ms: LOOK_EVERY_MS,
  })
  const { reading, begun } = listMeanwhile(run, queue, sizes)
  try {
    await begun
    await delay((WARM_UP_S + READ_BEFORE_S) * 1_000, undefined, { signal: run.signal })
    run.progress.say(`L3: publishing ${sizes.released} changesets; ${rest.length} stay queued`)
    const began_at_ms = Date.now()
    const release = await run.target.conman.publish(adminToken, app.id, draft.id)
    const publish = { began_at_ms, ended_at_ms: Date.now() }
    const jobs = await watch.drained({
      quiet_ms: sizes.missing_wait_s * 1_000,
      within_ms: sizes.drain_wait_s * 1_000,
    })
    run.progress.say(`L3: ${jobs.jobs.length} revalidations seen; reading what came of them`)
    const git = await readByGit(run, queue, release.tag)
    const after = await settled(run, queue, sizes)
    const { load, samples } = await reading
    return {
      schema: 'readiness-queue/1',
      planned: { queued: sizes.queued, released: sizes.released, conflicting: sizes.conflicting },
      others_queued: before.size - proposals.filter(({ changesetId }) => before.has(changesetId)).length,
      workers: workersOf(run),
      release: {
        id: release.id,
        tag: release.tag,
        state: release.state,
        published_sha: release.publishedSha,
        published_at_ms: momentOf(release.publishedAt),
      },
      publish,
      jobs,
      changesets: proposals
        .map((proposal) => changesetOf(proposal, sizes, before, after, git?.merges))
        .sort((a, b) => (a.position_before ?? 0) - (b.position_before ?? 0) || a.number - b.number),
      git: git === null ? null : git.seen,
      load,
      listings: listingsOf(samples, began_at_ms),
    }
  } finally {
    await reading.catch(() => {})
  }
}

function partOf(number: number, { released, conflicting }: Sizes): Part {
  return number <= released ? 'released' : number <= released + conflicting ? 'conflicting' : 'free'
}

/** Each its own file; a conflicting one adds the file of a released one, with another value in the same line. */
function filesOf({ id }: Run, sizes: Sizes): ProposedFile[] {
  return Array.from({ length: sizes.queued }, (_, index) => {
    const number = index + 1
    const conflicting = partOf(number, sizes) === 'conflicting'
    const service = conflicting ? ((number - sizes.released - 1) % sizes.released) + 1 : number
    return {
      path: `config/queue/${id.slice(-6)}/service-${service}.yaml`,
      content: `service: ${service}\nvalue: ${number}\nrun: ${id}\n`,
    }
  })
}

async function assembled(run: Run, { app, adminToken, proposals }: SeededQueue, sizes: Sizes): Promise<Release> {
  const { conman } = run.target
  const ids = proposals.filter(({ number }) => partOf(number, sizes) === 'released').map((one) => one.changesetId)
  const release = await conman.createRelease(adminToken, app.id, ids)
  const job = await conman.assemble(adminToken, app.id, release.id)
  if (job.state !== 'succeeded') {
    throw new TargetFailed(
      `the release of ${ids.length} changesets could not be assembled: its job is ${job.state} (${job.error ?? 'no error'})`,
      'look at the job’s log and at the target’s own',
    )
  }
  return release
}

/** The queue is listed by its authors while it drains; `begun`: the load generator runs. */
function listMeanwhile(run: Run, { app, authors }: SeededQueue, sizes: Sizes) {
  const settings: QueueReaderSettings = {
    baseUrl: run.target.baseUrl,
    appId: app.id,
    tokens: authors.map(({ token }) => token),
    ratePerS: sizes.reader_rate_per_s,
    durationS: sizes.reader_s,
    requestTimeoutS: REQUEST_TIMEOUT_S,
    ...mannersOf(run.target.loadBounds),
  }
  const started = Promise.withResolvers<void>()
  const reading = runLoad(run, {
    entry: fileURLToPath(new URL('./script.ts', import.meta.url)),
    settings,
    metric: 'listing_ms',
    iterations: null,
    bound_s: sizes.reader_s + 2 * REQUEST_TIMEOUT_S + 30,
    label: 'L3',
    onStarted: () => started.resolve(),
  })
  reading.catch((cause: unknown) => started.reject(cause))
  return { reading, begun: started.promise }
}

/** The app's changesets as the API lists them, by id; each once. */
async function listed(run: Run, { app, adminToken }: SeededQueue, state?: string): Promise<Map<string, Changeset>> {
  const rows = await run.target.conman.all(adminToken, listChangesets(app.id, state === undefined ? {} : { state }))
  return new Map(rows.map((row) => [row.id, row]))
}

/** As the list tells them once it tells what the jobs have done, or when that is waited for in vain. */
async function settled(
  run: Run,
  queue: SeededQueue,
  sizes: Sizes,
): Promise<{ rows: Map<string, Changeset>; problem: string }> {
  const deadline = performance.now() + SETTLED_WITHIN_MS
  const expected: Record<Part, string> = { released: 'released', conflicting: 'conflicted', free: 'queued' }
  let rows = new Map<string, Changeset>()
  let problem = ''
  for (;;) {
    try {
      rows = await listed(run, queue)
      problem = ''
    } catch (cause) {
      run.signal.throwIfAborted()
      if (!(cause instanceof ConmanError)) throw cause
      problem = cause.message
    }
    const asExpected = queue.proposals.every(
      ({ number, changesetId }) => rows.get(changesetId)?.state === expected[partOf(number, sizes)],
    )
    if (asExpected || performance.now() > deadline) return { rows, problem }
    await delay(500, undefined, { signal: run.signal })
  }
}

function changesetOf(
  { number, changesetId, path, content, commit }: Proposal,
  sizes: Sizes,
  before: ReadonlyMap<string, Changeset>,
  { rows, problem }: { rows: ReadonlyMap<string, Changeset>; problem: string },
  merges: ReadonlyMap<number, boolean> | undefined,
): QueuedChangeset {
  const after = rows.get(changesetId)
  return {
    number,
    id: changesetId,
    path,
    sha256: sha256(content),
    commit,
    part: partOf(number, sizes),
    position_before: before.get(changesetId)?.queuePosition ?? null,
    state: after?.state ?? null,
    position: after?.queuePosition ?? null,
    problem: after === undefined ? problem || 'the list of changesets is without it' : '',
    merges: merges?.get(number) ?? null,
  }
}

async function readByGit(
  run: Run,
  { app, proposals }: SeededQueue,
  tag: string,
): Promise<{ seen: NonNullable<QueueEvidence['git']>; merges: Map<number, boolean> } | null> {
  const storage = run.target.gitStorage
  if (storage === undefined) return null
  const repository = new GitRepository(run.tool('git').path, storage, app.repoPath)
  // The tag's name is the target's: what could mean something else to git is not asked.
  const tagged = /^\w[\w.-]*$/.test(tag) ? await repository.commitOf(`refs/tags/${tag}`) : null
  const integration = await repository.commitOf(`refs/heads/${app.integrationBranch}`)
  const merges = new Map<number, boolean>()
  if (integration === null) return { seen: { tag: tagged, integration, files: [], contained: [] }, merges }
  const scratch = run.temporaryFolder('objects')
  mkdirSync(scratch, { recursive: true })
  const contained = await mapInParallel(proposals, GITS, async ({ number, commit }) => {
    run.signal.throwIfAborted()
    if (!isObjectId(commit)) return null
    if (await repository.isAncestor(commit, integration)) return number
    const merged = await mergesIn(repository, integration, commit, scratch)
    if (merged !== null) merges.set(number, merged)
    return null
  })
  const blobs = await repository.readFiles(proposals.map(({ path }) => ({ revision: integration, path })))
  return {
    seen: {
      tag: tagged,
      integration,
      files: proposals.map(({ number }, index) => {
        const bytes = blobs[index] ?? null
        return { number, sha256: bytes === null ? null : sha256(bytes) }
      }),
      contained: contained.filter((number) => number !== null),
    },
    merges,
  }
}

/** Null where git is too old to be asked (2.38). */
async function mergesIn(repository: GitRepository, ours: string, theirs: string, scratch: string) {
  try {
    return await repository.mergesCleanly(ours, theirs, scratch)
  } catch (cause) {
    if (cause instanceof HarnessError) return null
    throw cause
  }
}

function listingsOf(samples: readonly K6Sample[], began_at_ms: number): QueueEvidence['listings'] {
  return samples.map((sample) => ({
    started_ms: rounded(startOf(sample) - began_at_ms),
    duration_ms: rounded(sample.value),
    status: Number(sample.tags.status),
    error: sample.tags.error ?? '',
    rows: sample.tags.rows === undefined || sample.tags.rows === '' ? null : Number(sample.tags.rows),
  }))
}

/** What the harness started it knows; of another target only its jobs tell. */
function workersOf({ target }: Run): string {
  if (target.memory === undefined) return 'not told by the target'
  if (target.processes === 'single') return 'the one process that is also the API'
  return `${target.settings['worker processes'] ?? '1'} worker process(es)`
}

function momentOf(text: string | null): number | null {
  const ms = text === null ? Number.NaN : Date.parse(text)
  return Number.isFinite(ms) ? ms : null
}
