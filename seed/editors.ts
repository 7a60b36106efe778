// Fixtures for editing: one app and a number of users, each with a workspace. Deterministic by the run's prefix,
// idempotent (a second call finds what the first one made), verified after writing.

import { TargetFailed } from '../harness/errors.ts'
import { mapInParallel } from '../harness/parallel.ts'
import type { Run } from '../harness/run.ts'
import { listMembers } from '../harness/target/conman/apps.ts'
import type { App, Session, Workspace } from '../harness/target/conman.ts'
import { directly, explained, seedApp, seedMembers, WIDTH } from './apps.ts'
import { person } from './people.ts'

export interface Editor extends Session {
  workspace: Workspace
}

export interface SeededApp {
  app: App
  adminToken: string
  users: Editor[]
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
  const people = Array.from({ length: size.users }, (_, index) => person(run.prefix, index + 1, admin.password))

  const { app, adminToken } = await seedApp(run, `${run.prefix}-edits`)
  const sessions = await seedMembers(run, { app, adminToken }, people)

  let workspaces = 0
  const users = await mapInParallel(sessions, WIDTH, async (session): Promise<Editor> => {
    run.signal.throwIfAborted()
    const workspace = await conman.defaultWorkspace(session.token, app.id).catch(explained(run))
    run.progress.update(`seeding workspaces: ${++workspaces} of ${size.users}`)
    return { ...session, workspace }
  })
  await verify(run, app, adminToken, users, people)
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  const how = directly(run) === undefined ? 'over HTTP' : 'by the database'
  run.progress.say(`seeded ${size.users} users with a workspace each ${how} in ${seconds} s, verified`)
  return { app, adminToken, users }
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
    const members = new Set(
      (await run.target.conman.all(adminToken, listMembers(app.id))).map((member) => member.email),
    )
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
    throw new TargetFailed(
      `the seed does not hold after writing: ${problems.join('; ')}`,
      'look at the target’s log; on a target that was seeded before, try another --seed',
    )
  }
}
