// What releases and deployments stand on, made as its users make it: people with a role in an app, changes that went through
// review into the queue, and releases of them.

import { TargetFailed } from '../harness/errors.ts'
import type { Run } from '../harness/run.ts'
import { listMembers, type Role } from '../harness/target/conman/apps.ts'
import { type Changeset, createChangeset, enqueue, review, submit } from '../harness/target/conman/changesets.ts'
import type { Release } from '../harness/target/conman/releases.ts'
import { writeFile } from '../harness/target/conman/workspaces.ts'
import type { App, Session } from '../harness/target/conman.ts'
import { explained, seedApp } from './apps.ts'
import { person } from './people.ts'

export interface OwnedApp {
  app: App
  adminToken: string
}

/** An app of the run's own name, made when it is not there. */
export async function seedOwnApp(run: Run, name: string): Promise<OwnedApp> {
  return await seedApp(run, `${run.prefix}-${name}`).catch(explained(run))
}

/** People by their number in the run, as members of an app with a role. Whoever is a member already logs in. */
export async function seedMembers(
  run: Run,
  { app, adminToken }: OwnedApp,
  role: Role,
  numbers: readonly number[],
): Promise<Session[]> {
  const { conman, admin, fixtures } = run.target
  const people = numbers.map((number) => ({ ...person(run.prefix, number, admin.password), role }))
  if (run.seedOver === 'database' && fixtures !== undefined) return await fixtures.members(app, people)
  const members = new Set((await conman.all(adminToken, listMembers(app.id))).map(({ email }) => email))
  const sessions: Session[] = []
  for (const one of people) {
    run.progress.update(`joining ${app.name}: ${sessions.length + 1} of ${people.length}`)
    sessions.push(
      members.has(one.email) ? await conman.login(one.email, one.password) : await conman.join(adminToken, app.id, one),
    )
  }
  return sessions
}

export interface Change {
  workspaceId: string
  title: string
  path: string
  content: string
}

/** Tokens of those who take part: an author, somebody else who approves it, and who queues it. */
export interface Hands {
  author: string
  reviewer: string
  manager: string
}

/** Writes a file, proposes it, has it approved and queued. Throws where the target does not let it get there. */
export async function queueChange(
  run: Run,
  { id: appId }: App,
  hands: Hands,
  { workspaceId, title, path, content }: Change,
): Promise<{ changeset: Changeset; commit: string }> {
  const { conman } = run.target
  const message = `Write ${path} for ${title}`
  const commit = await conman.do(hands.author, writeFile(appId, workspaceId, { path, content, message }))
  const begun = await conman.do(hands.author, createChangeset(appId, workspaceId, title))
  const { job } = await conman.do(hands.author, submit(appId, begun.id))
  await succeeded(run, hands.author, appId, job ?? { type: 'msuite_submit', entityId: begun.id })
  await conman.do(hands.reviewer, review(appId, begun.id, 'approve'))
  const changeset = await conman.do(hands.manager, enqueue(appId, begun.id))
  if (changeset.state !== 'queued') {
    throw new TargetFailed(
      `‘${title}’ was queued, and is ${changeset.state} instead`,
      'look at the changeset, and at what else is queued in its app',
    )
  }
  return { changeset, commit }
}

/** Assembles and publishes queued changesets when nobody else does. */
export async function publishRelease(
  run: Run,
  { id: appId }: App,
  manager: string,
  changesetIds: readonly string[],
): Promise<Release> {
  const { conman } = run.target
  const { id } = await conman.createRelease(manager, appId, changesetIds)
  const job = await conman.assemble(manager, appId, id)
  if (job.state !== 'succeeded') throw gateFailed(job.type, job.state, job.error)
  return await conman.publish(manager, appId, id)
}

/** Waits for a job that what follows stands on. */
export async function succeeded(
  run: Run,
  token: string,
  appId: string,
  job: Parameters<Run['target']['conman']['jobEnded']>[2],
): Promise<void> {
  const { type, state, error } = await run.target.conman.jobEnded(token, appId, job)
  if (state !== 'succeeded') throw gateFailed(type, state, error)
}

function gateFailed(type: string, state: string, error: string | null): TargetFailed {
  const why = error === null ? '' : `: ${error.slice(0, 200)}`
  return new TargetFailed(`the job ${type} is ${state}${why}`, 'look at its log; is a worker running?')
}
