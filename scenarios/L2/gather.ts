// Has fifty people hand in a changeset each at one instant, watches their jobs from before that until they are over, and asks
// what became of every changeset. Touches the world, judges nothing.

import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Gatherer } from '../../harness/check.ts'
import { GitRepository } from '../../harness/git.ts'
import type { K6Sample } from '../../harness/k6.ts'
import { mapInParallel } from '../../harness/parallel.ts'
import type { Run } from '../../harness/run.ts'
import { readChangeset } from '../../harness/target/conman/changesets.ts'
import { type App, ConmanError } from '../../harness/target/conman.ts'
import { look } from '../../harness/target/times.ts'
import { seedEditors } from '../../seed/editors.ts'
import { type Proposal, proposeDrafts } from '../../seed/proposals.ts'
import { watchJobs } from '../lib/job-watch.ts'
import { rounded, runLoad } from '../lib/load.ts'
import { mannersOf, THROTTLE_WAIT_S_MAX } from '../lib/manners-settings.ts'
import type { SubmitSettings } from '../lib/settings.ts'
import { type SubmitEvidence, SubmitEvidenceSchema } from './evidence.ts'

/** Far above the limit, so that a slow submit is measured and not cut off. */
const REQUEST_TIMEOUT_S = 30

/** A tenth of what a job may take to be enqueued; the API is asked more politely. */
const LOOK_EVERY_MS = { mongo: 100, http: 1_000 }

/** Reads under way at once while reconciling: no load, only no waste of time. */
const READERS = 8

/** Details may be read from a secondary, which can be a moment behind (DC2). */
const SETTLED_WITHIN_MS = 5_000

export const submitGatherer: Gatherer<SubmitEvidence> = {
  id: 'L2',
  title: '50 people hand in a changeset each at one instant',
  schema: SubmitEvidenceSchema,
  needs: ['http', 'repositories'],
  effect: 'writes',
  leaves: 'an app, 50 members, and for each a workspace with a commit and a changeset that is handed in',
  load: ({ L2 }) => ({ users: L2.submits, requests_per_s: null }),
  expected_s: () => 30,
  gather,
}

async function gather(run: Run): Promise<SubmitEvidence> {
  const sizes = run.profile.L2
  const { app, adminToken, users } = await seedEditors(run, { users: sizes.submits })
  const proposals = await proposeDrafts(run, app, users, 'storm', filesOf(run, sizes.submits))
  const settings: SubmitSettings = {
    baseUrl: run.target.baseUrl,
    appId: app.id,
    submits: proposals.map(({ number, changesetId, author }) => ({ number, changesetId, token: author.token })),
    requestTimeoutS: REQUEST_TIMEOUT_S,
    ...mannersOf(run.target.loadBounds),
  }
  const clock = await clockOf(run)
  run.progress.say(`L2: ${proposals.length} people hand in a changeset each at one instant`)
  await using watch = await watchJobs(run, {
    appId: app.id,
    token: adminToken,
    type: 'msuite_submit',
    entityIds: proposals.map(({ changesetId }) => changesetId),
    every_ms: LOOK_EVERY_MS,
  })
  const { load, samples } = await runLoad(run, {
    entry: fileURLToPath(new URL('./script.ts', import.meta.url)),
    settings,
    metric: 'submit_ms',
    iterations: proposals.length,
    bound_s: 3 * REQUEST_TIMEOUT_S + THROTTLE_WAIT_S_MAX + 30,
    label: 'L2',
  })
  run.progress.say(`L2: ${samples.length} submits ended; waiting for their jobs`)
  const jobs = await watch.drained({
    quiet_ms: sizes.missing_wait_s * 1_000,
    within_ms: sizes.drain_wait_s * 1_000,
  })
  const starts = samples.map(({ tags }) => Number(tags.started))
  const began_at_ms = starts.length === 0 ? Date.now() : Math.min(...starts)
  return {
    schema: 'readiness-submits/1',
    planned: sizes.submits,
    load,
    clock,
    began_at_ms,
    submits: submitsOf(samples, began_at_ms),
    jobs,
    ...(await reconcile(run, app, proposals)),
  }
}

/** Each its own file, with content that no run before has written: the branch differs from the integration branch. */
function filesOf({ id }: Run, count: number) {
  return Array.from({ length: count }, (_, index) => ({
    path: `config/storm/service-${index + 1}.yaml`,
    content: `service: ${index + 1}\nrun: ${id}\n`,
  }))
}

/** Programs that the harness started itself share its clock; another's is told by the `Date` of its answers. */
async function clockOf({ target }: Run): Promise<SubmitEvidence['clock']> {
  if (target.memory !== undefined) return { same: true, ahead_ms: 0, uncertainty_ms: 0 }
  const { clock_ahead_ms } = (await look(target.conman.http)).times
  return clock_ahead_ms === null
    ? null
    : { same: false, ahead_ms: clock_ahead_ms.value, uncertainty_ms: clock_ahead_ms.uncertainty }
}

function submitsOf(samples: readonly K6Sample[], began_at_ms: number): SubmitEvidence['submits'] {
  return samples
    .map(({ tags, value }) => ({
      number: Number(tags.number),
      started_ms: Number(tags.started) - began_at_ms,
      duration_ms: rounded(value),
      ended_ms: Number(tags.ended) - began_at_ms,
      status: Number(tags.status),
      error: tags.error ?? '',
      state: tags.state ?? '',
      job: tags.job ?? '',
    }))
    .sort((a, b) => a.number - b.number)
}

async function reconcile(
  run: Run,
  app: App,
  proposals: readonly Proposal[],
): Promise<Pick<SubmitEvidence, 'changesets' | 'read_by_git'>> {
  const storage = run.target.gitStorage
  const tips =
    storage === undefined ? null : await new GitRepository(run.tool('git').path, storage, app.repoPath).branches()
  const deadline = performance.now() + SETTLED_WITHIN_MS
  const changesets = await mapInParallel(proposals, READERS, async (proposal) => {
    const { number, changesetId: id, commit, branch, author } = proposal
    for (;;) {
      run.signal.throwIfAborted()
      const { value } = await run.target.conman.attempt(author.token, readChangeset(app.id, id))
      const settled = !(value instanceof ConmanError) && value.state !== 'draft'
      if (settled || performance.now() > deadline) {
        return {
          number,
          id,
          commit,
          tip: tips?.get(branch) ?? null,
          ...(value instanceof ConmanError
            ? { state: null, revision: null, submitted_head: null, problem: value.message }
            : {
                state: value.state,
                revision: value.revision,
                submitted_head: value.submittedHeadSha,
                problem: '',
              }),
        }
      }
      await delay(250, undefined, { signal: run.signal })
    }
  })
  return { changesets, read_by_git: tips !== null }
}
