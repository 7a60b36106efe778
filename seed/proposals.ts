// Changesets as their authors make them, over HTTP: each on a workspace of its own, with one file that is really committed.
// Drafts for who hands them in himself, or brought to the queue through their gates.

import { randomUUID } from 'node:crypto'
import { TargetFailed } from '../harness/errors.ts'
import { mapInParallel } from '../harness/parallel.ts'
import type { Run } from '../harness/run.ts'
import { type Changeset, createChangeset, enqueue, review, submit } from '../harness/target/conman/changesets.ts'
import { createWorkspace, writeFile } from '../harness/target/conman/workspaces.ts'
import type { App, Session } from '../harness/target/conman.ts'
import { WIDTH } from './apps.ts'

/** What a changeset puts where. */
export interface ProposedFile {
  path: string
  content: string
}

export interface Proposal extends ProposedFile {
  /** 1…n. */
  number: number
  author: Session
  workspaceId: string
  branch: string
  changesetId: string
  title: string
  /** As the write was acknowledged. */
  commit: string
}

/** One draft for each file, made by the authors in turn. New ones with every call: branches are never used again. */
export async function proposeDrafts(
  run: Run,
  app: App,
  authors: readonly Session[],
  label: string,
  files: readonly ProposedFile[],
): Promise<Proposal[]> {
  const { conman } = run.target
  const batch = `${run.prefix}/${label}-${randomUUID().slice(0, 8)}`
  let made = 0
  return mapInParallel([...files.entries()], WIDTH, async ([index, file]) => {
    run.signal.throwIfAborted()
    const number = index + 1
    const author = authors[index % authors.length]!
    const branch = `${batch}/${number}`
    const workspace = await conman.do(author.token, createWorkspace(app.id, branch))
    const message = `${label} ${number} of ${run.prefix}`
    const commit = await conman.do(author.token, writeFile(app.id, workspace.id, { ...file, message }))
    const changeset = await conman.do(author.token, createChangeset(app.id, workspace.id, message))
    run.progress.update(`seeding changesets over HTTP: ${++made} of ${files.length}`)
    return {
      ...file,
      number,
      author,
      workspaceId: workspace.id,
      branch,
      changesetId: changeset.id,
      title: message,
      commit,
    }
  })
}

/** Handed in by their authors, then approved and queued by the managers in turn, each when its gate is through. */
export async function bringToQueue(
  run: Run,
  app: App,
  managers: readonly Session[],
  proposals: readonly Proposal[],
): Promise<void> {
  const { conman } = run.target
  // All are handed in before anybody waits for a gate: their jobs run meanwhile.
  const jobs = await mapInParallel(proposals, WIDTH, async ({ author, changesetId }) => {
    run.signal.throwIfAborted()
    const { job } = await conman.do(author.token, submit(app.id, changesetId))
    return job ?? { type: 'msuite_submit' as const, entityId: changesetId }
  })
  let queued = 0
  await mapInParallel([...proposals.entries()], WIDTH, async ([index, { author, changesetId }]) => {
    run.signal.throwIfAborted()
    const gate = await conman.jobEnded(author.token, app.id, jobs[index]!)
    if (gate.state !== 'succeeded') throw notQueued(changesetId, `its submit gate is ${gate.state}`)
    const reviewed = await approve(run, app, managers, index, changesetId)
    if (reviewed.state !== 'approved') throw notQueued(changesetId, `once reviewed it is ${reviewed.state}`)
    const { state } = await conman.do(managers[index % managers.length]!.token, enqueue(app.id, changesetId))
    if (state !== 'queued') throw notQueued(changesetId, `it is ${state}`)
    run.progress.update(`queueing changesets over HTTP: ${++queued} of ${proposals.length}`)
  })
}

/** A target may want more than one approval (HD67). */
async function approve(
  run: Run,
  app: App,
  managers: readonly Session[],
  index: number,
  changesetId: string,
): Promise<Changeset> {
  const by = (turn: number) =>
    run.target.conman.do(managers[(index + turn) % managers.length]!.token, review(app.id, changesetId, 'approve'))
  const first = await by(0)
  return first.state === 'in_review' && managers.length > 1 ? await by(1) : first
}

function notQueued(changesetId: string, problem: string): TargetFailed {
  return new TargetFailed(
    `the changeset ${changesetId} could not be queued: ${problem}`,
    'look at its job’s log and at the target’s own',
  )
}
