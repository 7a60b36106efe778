// Fixtures for editing: one app and a number of users, each with a workspace. Deterministic by seed number and prefix,
// idempotent (a second call finds what the first one made), verified after writing.

import { createHmac } from 'node:crypto'
import { HarnessError } from '../harness/errors.ts'
import { mapInParallel } from '../harness/parallel.ts'
import type { Run } from '../harness/run.ts'
import type { App, Session, Workspace } from '../harness/target/conman.ts'

export interface Editor extends Session {
  workspace: Workspace
}

export interface SeededApp {
  app: App
  adminToken: string
  users: Editor[]
}

/** Everything that the seed makes carries it, so that it can be told from a person's data and found again. */
export function prefixOf(randomSeed: number): string {
  return `readiness-${randomSeed}`
}

/** One seeding a run and size: checks that share fixtures share the work. */
const seeded = new WeakMap<object, Map<number, Promise<SeededApp>>>()

export function seedEditors(run: Run, size: { users: number }): Promise<SeededApp> {
  const ofRun = seeded.get(run.target) ?? new Map<number, Promise<SeededApp>>()
  seeded.set(run.target, ofRun)
  const done = ofRun.get(size.users) ?? seed(run, size)
  ofRun.set(size.users, done)
  return done
}

async function seed(run: Run, size: { users: number }): Promise<SeededApp> {
  const started = performance.now()
  const { conman, admin } = run.target
  const prefix = prefixOf(run.randomSeed)
  const people = Array.from({ length: size.users }, (_, index) => person(prefix, index + 1, admin.password))

  const { app, adminToken } = await seedApp(run, `${prefix}-edits`)
  const direct = run.seedOver === 'database' ? run.target.fixtures : undefined
  run.progress.update(`seeding ${size.users} users ${direct ? 'into the database' : 'over HTTP'}`)
  const sessions = direct ? await direct.members(app, people) : await joinOverHttp(run, app, adminToken, people)

  let workspaces = 0
  const users = await mapInParallel(sessions, WIDTH, async (session): Promise<Editor> => {
    run.signal.throwIfAborted()
    const workspace = await conman.defaultWorkspace(session.token, app.id)
    run.progress.update(`seeding workspaces: ${++workspaces} of ${size.users}`)
    return { ...session, workspace }
  })
  await verify(run, app, adminToken, users, people)
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  run.progress.say(
    `seeded ${size.users} users with a workspace each ${direct ? 'by the database' : 'over HTTP'} in ${seconds} s, verified`,
  )
  return { app, adminToken, users }
}

/** Requests in flight while seeding: enough to keep two cores busy with password hashing, few enough to stay polite. */
const WIDTH = 8

/** The app by its name, made when it is not there. The admin's session knows about it (HD3: some targets freeze roles in the token). */
async function seedApp(run: Run, name: string): Promise<{ app: App; adminToken: string }> {
  const { conman, admin } = run.target
  const session = await conman.login(admin.email, admin.password)
  const existing = (await conman.listApps(session.token)).find((app) => app.name === name)
  if (existing) return { app: existing, adminToken: session.token }
  const repoPath = await run.target.repositoryFor(name)
  const app = await conman.createApp(session.token, { name, repoPath })
  return { app, adminToken: (await conman.login(admin.email, admin.password)).token }
}

async function joinOverHttp(
  run: Run,
  app: App,
  adminToken: string,
  people: readonly { email: string; name: string; password: string }[],
): Promise<Session[]> {
  const { conman } = run.target
  const members = new Set((await conman.listMembers(adminToken, app.id)).map((member) => member.email))
  let joined = 0
  return mapInParallel(people, WIDTH, async (someone) => {
    run.signal.throwIfAborted()
    const session = members.has(someone.email)
      ? await conman.login(someone.email, someone.password)
      : await conman.join(adminToken, app.id, { ...someone, role: 'user' })
    run.progress.update(`seeding users over HTTP: ${++joined} of ${people.length}`)
    return session
  })
}

/**
 * The same person for the same prefix and number. The password cannot be guessed by who does not know the admin's, and
 * need not be stored to log in again.
 */
export function person(
  prefix: string,
  number: number,
  adminPassword: string,
): { email: string; name: string; password: string; role: 'user' } {
  const email = `${prefix}-user-${String(number).padStart(4, '0')}@readiness.test`
  const password = createHmac('sha256', adminPassword).update(email).digest('base64url').slice(0, 24)
  return { email, name: `Readiness User ${number}`, password, role: 'user' }
}

async function verify(
  run: Run,
  app: App,
  adminToken: string,
  users: readonly Editor[],
  people: readonly { email: string }[],
): Promise<void> {
  const problems: string[] = []
  // Lists may be read from a secondary, which can be a moment behind (DC2): asked again, bounded.
  const deadline = performance.now() + 10_000
  for (;;) {
    problems.length = 0
    const members = new Set((await run.target.conman.listMembers(adminToken, app.id)).map((member) => member.email))
    const missing = people.filter(({ email }) => !members.has(email))
    if (missing.length > 0)
      problems.push(`${missing.length} of ${people.length} users are no members, first ${missing[0]!.email}`)
    if (problems.length === 0 || performance.now() > deadline) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const branches = new Set(users.map((user) => user.workspace.branch))
  if (branches.size !== users.length) problems.push(`${users.length} workspaces share ${branches.size} branches`)
  const without = users.filter((user) => !/^[0-9a-f]{40}$/.test(user.workspace.headSha))
  if (without.length > 0)
    problems.push(`${without.length} workspaces have no commit as head, first ${without[0]!.workspace.branch}`)
  if (problems.length > 0) {
    throw new HarnessError(
      `the seed does not hold after writing: ${problems.join('; ')}`,
      'look at the target’s log; on a target that was seeded before, try another --seed',
    )
  }
}
