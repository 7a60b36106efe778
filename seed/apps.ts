// Apps and their members, made when they are not there.

import { mapInParallel } from '../harness/parallel.ts'
import { isOfSomeRun } from '../harness/prefix.ts'
import type { Run } from '../harness/run.ts'
import { listApps, listMembers } from '../harness/target/conman/apps.ts'
import type { App, Role, Session } from '../harness/target/conman.ts'
import type { DirectFixtures } from '../harness/target/target.ts'
import type { Person } from './people.ts'

/** Requests in flight while seeding: enough to keep two cores busy with password hashing, few enough to stay polite. */
export const WIDTH = 8

export function directly(run: Run): DirectFixtures | undefined {
  return run.seedOver === 'database' ? run.target.fixtures : undefined
}

/** Sessions of these people as members of the app, in their order; whoever is none yet joins it. */
export async function seedMembers(
  run: Run,
  { app, adminToken }: { app: App; adminToken: string },
  people: readonly (Person & { role: Role })[],
): Promise<Session[]> {
  const direct = directly(run)
  run.progress.update(`seeding ${people.length} users ${direct ? 'into the database' : 'over HTTP'}`)
  return direct ? await direct.members(app, people) : await joinOverHttp(run, app, adminToken, people)
}

/**
 * The app by its name, made when it is not there. A repository that was handed over can belong to one app only, for ever: where
 * another run has made that app, it is used again. The admin's session knows about it (HD3: some targets freeze roles in the
 * token).
 */
export async function seedApp(run: Run, name: string): Promise<{ app: App; adminToken: string; adminId: string }> {
  const { conman, admin } = run.target
  const session = await conman.login(admin.email, admin.password)
  const apps = await conman.all(session.token, listApps())
  const existing = apps.find((app) => app.name === name)
  const asAdmin = { adminToken: session.token, adminId: session.userId }
  if (existing) return { app: existing, ...asAdmin }
  const repoPath = await run.target.repositoryFor(name)
  const ofEarlierRun = apps.find((app) => app.repoPath === repoPath && isOfSomeRun(app.name))
  if (ofEarlierRun) {
    run.progress.say(`${repoPath} belongs to ${ofEarlierRun.name}, which an earlier run made: it is used again`)
    return { app: ofEarlierRun, ...asAdmin }
  }
  const made = await conman.createApp({ ...admin, token: session.token }, { name, repoPath }).catch(explained(run))
  return { app: made.app, adminToken: made.session.token, adminId: session.userId }
}

/** Where there may be no repository, the error says what to hand over. */
export function explained(run: Run): (cause: unknown) => never {
  return (cause) => {
    throw run.target.explainRepository?.(cause) ?? cause
  }
}

/** Members of these roles, each with a session: those who are there already log in, the others are invited and accept. */
export async function joinOverHttp(
  run: Run,
  app: App,
  adminToken: string,
  people: readonly (Person & { role: Role })[],
): Promise<Session[]> {
  const { conman } = run.target
  const members = new Set((await conman.all(adminToken, listMembers(app.id))).map((member) => member.email))
  let joined = 0
  return mapInParallel(people, WIDTH, async (someone) => {
    run.signal.throwIfAborted()
    const session = members.has(someone.email)
      ? await conman.login(someone.email, someone.password)
      : await conman.join(adminToken, app.id, someone)
    run.progress.update(`people join over HTTP: ${++joined} of ${people.length}`)
    return session
  })
}
