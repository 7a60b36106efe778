// Steps of a change's way that loads need before they begin or while they run, each by the client: so that rate limits are
// obeyed, and what is made on a target that is not ours is written down.

import { TargetFailed } from '../../harness/errors.ts'
import type { Run } from '../../harness/run.ts'
import { type Changeset, createChangeset, enqueue, review, submit } from '../../harness/target/conman/changesets.ts'
import type { Job } from '../../harness/target/conman/jobs.ts'
import { createWorkspace, writeFile } from '../../harness/target/conman/workspaces.ts'
import type { Session, Workspace } from '../../harness/target/conman.ts'

/** One that has not ended by then holds up what comes after it; real works on one job a second. */
const GATE_WITHIN_MS = 180_000

export interface Change {
  author: Session
  workspace: Workspace
  changeset: Changeset
}

/** A workspace of its own with one file that nobody else writes: content that no branch has yet. */
export async function newWorkspace(run: Run, appId: string, author: Session, name: string): Promise<Workspace> {
  const { conman } = run.target
  const workspace = await conman.do(author.token, createWorkspace(appId, `${run.prefix}-${name}`, `Readiness ${name}`))
  await conman.do(author.token, writeFile(appId, workspace.id, fileOf(run, name)))
  return workspace
}

export function fileOf(run: Run, name: string) {
  return { path: `config/readiness/${name}.yaml`, content: `run: ${run.id}\nname: ${name}\n`, message: `Write ${name}` }
}

export async function newChange(
  run: Run,
  appId: string,
  author: Session,
  name: string,
  title: string,
): Promise<Change> {
  const workspace = await newWorkspace(run, appId, author, name)
  const changeset = await run.target.conman.do(author.token, createChangeset(appId, workspace.id, title))
  return { author, workspace, changeset }
}

/** Handed in, and its gate has passed. */
export async function handIn(run: Run, appId: string, { author, changeset }: Change): Promise<void> {
  const { conman } = run.target
  const { job } = await conman.do(author.token, submit(appId, changeset.id))
  const begun = job ?? ({ type: 'msuite_submit', entityId: changeset.id } as const)
  demandSucceeded(await conman.jobEnded(author.token, appId, begun, { within_ms: GATE_WITHIN_MS }))
}

export async function approve(run: Run, appId: string, reviewer: Session, { changeset }: Change): Promise<void> {
  await run.target.conman.do(reviewer.token, review(appId, changeset.id, 'approve'))
}

export async function queue(run: Run, appId: string, manager: Session, { changeset }: Change): Promise<void> {
  await run.target.conman.do(manager.token, enqueue(appId, changeset.id))
}

export function demandSucceeded(job: Job): void {
  if (job.state === 'succeeded') return
  throw new TargetFailed(
    `the job ${job.type} that the load's preparation rests on is ${job.state}${job.error === null ? '' : `: ${job.error.slice(0, 200)}`}`,
    'look at its log: is a worker running, and do its commands take what a test makes?',
  )
}
