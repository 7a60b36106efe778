// The smaller volume, over HTTP: what a Conman lets its users make in a reasonable time. Everybody edits, proposes and hands
// in one changeset; most are approved and queued. Says what it lacks beside the specified volume.

import { TargetFailed } from '../../harness/errors.ts'
import { mapInParallel } from '../../harness/parallel.ts'
import type { Run } from '../../harness/run.ts'
import {
  type Changeset,
  createChangeset,
  enqueue,
  listChangesets,
  review,
  submit,
} from '../../harness/target/conman/changesets.ts'
import { writeFile } from '../../harness/target/conman/workspaces.ts'
import { seedEditors } from '../editors.ts'
import type { ListingFixture } from './listing.ts'
import { VOLUME } from './shape.ts'

/** Users under way at once: polite to a target that is not ours. */
const WIDTH = 8
/** One changeset in five stays a draft, so that the filter has something to leave out. */
const DRAFT_EVERY = 5
/** A target runs one job a second (data-and-runtime §2.4): fifty gates, and as long again. */
const GATES_WITHIN_MS = 120_000

export async function seedListingOverHttp(run: Run): Promise<ListingFixture> {
  const { conman } = run.target
  const { app, adminToken, users } = await seedEditors(run, { users: VOLUME.people })
  const there = new Map((await conman.all(adminToken, listChangesets(app.id))).map((row) => [row.workspaceId, row]))
  let done = 0
  const changesets = await mapInParallel([...users.entries()], WIDTH, async ([index, { token, workspace }]) => {
    run.signal.throwIfAborted()
    let changeset = there.get(workspace.id)
    if (changeset === undefined) {
      const file = {
        path: `config/service-${index + 1}/seeded.yaml`,
        content: `seeded: ${index + 1}\nrun: ${run.id}\n`,
        message: 'Seeded',
      }
      await conman.do(token, writeFile(app.id, workspace.id, file))
      changeset = await conman.do(token, createChangeset(app.id, workspace.id, `Seeded change ${index + 1}`))
    }
    // Handed in by all before anybody waits for a gate.
    if (index % DRAFT_EVERY !== 0 && changeset.state === 'draft') {
      changeset = (await conman.do(token, submit(app.id, changeset.id))).changeset
    }
    run.progress.update(`seeding changesets over HTTP: ${++done} of ${users.length}`)
    return changeset
  })
  await mapInParallel(changesets, WIDTH, (changeset) => queue(run, app.id, adminToken, changeset))
  // All of the app's, whoever made them, and told apart here: whether the target filters is what is to be found out.
  const stored = await conman.all(adminToken, listChangesets(app.id))
  const ids = stored.filter(({ state }) => state === 'queued').map(({ id }) => id)
  return {
    app,
    adminToken,
    readers: users,
    queued: ids,
    stored: stored.length,
    made_over: 'http',
    missing: [
      `${Math.max(0, VOLUME.queued - ids.length)} of ${VOLUME.queued} queued changesets: each needs a workspace, five requests and a job`,
      `${VOLUME.apps - 1} of ${VOLUME.apps} apps: each needs a repository that the API does not make`,
      'changesets in the states that only jobs and releases bring (released, conflicted, needs_revalidation)',
      'a repository of 10,000 files, and a history of months',
    ],
  }
}

/** From wherever it stands to the queue; a draft stays one. */
async function queue(run: Run, appId: string, token: string, { id, state }: Changeset): Promise<void> {
  const { conman } = run.target
  let reached = state
  if (reached === 'submitted' || reached === 'in_review') {
    // Approved before its gate is through, it can neither be queued nor taken back on some targets.
    await gatePassed(run, appId, token, id)
    reached = (await conman.do(token, review(appId, id, 'approve'))).state
  }
  if (reached === 'approved') await conman.do(token, enqueue(appId, id))
}

async function gatePassed(
  { target: { conman } }: Run,
  appId: string,
  token: string,
  changesetId: string,
): Promise<void> {
  const gate = { type: 'msuite_submit', entityId: changesetId } as const
  const job = await conman.jobEnded(token, appId, gate, { within_ms: GATES_WITHIN_MS })
  if (job.state === 'succeeded') return
  const why = job.error === null ? '' : `: ${job.error.slice(0, 200)}`
  throw new TargetFailed(
    `the submit gate of changeset ${changesetId} is ${job.state} after at most ${GATES_WITHIN_MS / 1_000} s${why}`,
    'see that a worker runs, and the log of that job',
  )
}
