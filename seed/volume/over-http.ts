// The smaller volume, over HTTP: what a Conman lets its users make in a reasonable time. Everybody edits, proposes and hands
// in one changeset; most are approved and queued. Says what it lacks beside the specified volume.

import { setTimeout as delay } from 'node:timers/promises'
import { HarnessError } from '../../harness/errors.ts'
import { mapInParallel } from '../../harness/parallel.ts'
import type { Run } from '../../harness/run.ts'
import { ConmanError } from '../../harness/target/conman.ts'
import { ask, textIn } from '../asking.ts'
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
  const { app, adminToken, users } = await seedEditors(run, { users: VOLUME.people })
  const base = `/api/apps/${app.id}`
  const there = new Map((await changesetsOf(run, base, adminToken)).map((row) => [row.workspaceId, row]))
  let done = 0
  const changesets = await mapInParallel([...users.entries()], WIDTH, async ([index, user]) => {
    run.signal.throwIfAborted()
    const { token, workspace } = user
    let changeset = there.get(workspace.id)
    if (changeset === undefined) {
      await ask(run, 'writing a file', 'PUT', `${base}/workspaces/${workspace.id}/files`, {
        token,
        body: {
          path: `config/service-${index + 1}/seeded.yaml`,
          content: Buffer.from(`seeded: ${index + 1}\nrun: ${run.id}\n`).toString('base64'),
          message: 'Seeded',
        },
      })
      const made = await ask(run, 'making a changeset', 'POST', `${base}/changesets`, {
        token,
        body: { workspace_id: workspace.id, title: `Seeded change ${index + 1}` },
      })
      changeset = { id: textIn(made, 'changeset', 'id'), state: 'draft', workspaceId: workspace.id }
    }
    // Handed in by all before anybody waits for a gate.
    if (index % DRAFT_EVERY !== 0 && changeset.state === 'draft') {
      changeset.state = await step(
        run,
        'submitting a changeset',
        `${base}/changesets/${changeset.id}/submit`,
        token,
        {},
      )
    }
    run.progress.update(`seeding changesets over HTTP: ${++done} of ${users.length}`)
    return changeset
  })
  await mapInParallel(changesets, WIDTH, (changeset) => queue(run, base, adminToken, changeset))
  // All of the app's, whoever made them, and told apart here: whether the target filters is what is to be found out.
  const stored = await changesetsOf(run, base, adminToken)
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
async function queue(run: Run, base: string, token: string, changeset: { id: string; state: string }): Promise<void> {
  const path = `${base}/changesets/${changeset.id}`
  if (changeset.state === 'submitted' || changeset.state === 'in_review') {
    // Approved before its gate is through, it can neither be queued nor taken back on some targets.
    await gatePassed(run, base, token, changeset.id)
    const decision = { action: 'approve', decision: 'approved' }
    changeset.state = await step(run, 'approving a changeset', `${path}/review`, token, decision)
  }
  if (changeset.state === 'approved') {
    changeset.state = await step(run, 'queueing a changeset', `${path}/queue`, token, {})
  }
}

interface Made {
  id: string
  state: string
  workspaceId: string
}

async function changesetsOf(run: Run, base: string, token: string): Promise<Made[]> {
  const found = new Map<string, Made>()
  for (let page = 1; ; page += 1) {
    const path = `${base}/changesets?limit=100&page=${page}`
    const answer = await run.target.conman.http.request('GET', path, { token, signal: run.signal })
    if (answer.status !== 200) throw new ConmanError('listing changesets', answer)
    const rows = rowsOf(answer.json)
    for (const { id, state, workspace_id } of rows) {
      found.set(String(id), { id: String(id), state: String(state), workspaceId: String(workspace_id) })
    }
    if (rows.length < 100) return [...found.values()]
  }
}

async function step(run: Run, what: string, path: string, token: string, body: unknown): Promise<string> {
  return textIn(await ask(run, what, 'POST', path, { token, body }), 'changeset', 'state')
}

async function gatePassed(run: Run, base: string, token: string, changesetId: string): Promise<void> {
  const deadline = performance.now() + GATES_WITHIN_MS
  for (;;) {
    const answer = await run.target.conman.http.request('GET', `${base}/jobs?limit=100`, { token, signal: run.signal })
    const newest = rowsOf(answer.json).find(
      (row) => row.entity_id === changesetId && (row.job_type ?? row.type) === 'msuite_submit',
    )
    if (newest?.state === 'succeeded') return
    if (newest?.state === 'failed' || newest?.state === 'canceled') {
      throw new HarnessError(`the submit gate of changeset ${changesetId} is ${newest.state}`, 'look at its job’s log')
    }
    if (performance.now() > deadline) {
      throw new HarnessError(
        `the submit gate of changeset ${changesetId} did not pass within ${GATES_WITHIN_MS / 1_000} s`,
        'is a worker running?',
      )
    }
    await delay(250, undefined, { signal: run.signal })
  }
}

function rowsOf(json: unknown): Record<string, unknown>[] {
  const data = (json as { data?: unknown } | undefined)?.data
  return Array.isArray(data) ? (data as Record<string, unknown>[]) : []
}
