// An app with a team of its own: people of every role, each with a session, and whether each wants mails. Deterministic by the
// run's prefix; joining twice changes nothing.

import { mapInParallel } from '../harness/parallel.ts'
import type { Run } from '../harness/run.ts'
import { listMembers } from '../harness/target/conman/apps.ts'
import { preferences } from '../harness/target/conman/platform.ts'
import { type App, ConmanError, type Role, type Session } from '../harness/target/conman.ts'
import { seedApp, seedMembers, WIDTH } from './apps.ts'
import { person } from './people.ts'

export interface Teammate extends Session {
  role: Role
}

export interface Team {
  app: App
  adminToken: string
  adminId: string
  /** In the order of the roles that were asked for. */
  members: Teammate[]
}

/** Everybody in the app, whoever brought them there. */
export interface Person {
  id: string
  email: string | null
  role: string
  /** Null where it is not known: somebody who is not of the run. */
  wantsMails: boolean | null
}

export async function seedTeam(run: Run, label: string, roles: readonly Role[]): Promise<Team> {
  const { app, adminToken, adminId } = await seedApp(run, `${run.prefix}-${label}`)
  const people = roles.map((role, index) => ({ ...person(run.prefix, index + 1, run.target.admin.password), role }))
  const sessions = await seedMembers(run, { app, adminToken }, people)
  return { app, adminToken, adminId, members: sessions.map((session, index) => ({ ...session, role: roles[index]! })) }
}

/** Reading the own preferences makes them where there are none: nobody's are changed. */
export async function peopleOf(run: Run, { app, adminToken, adminId, members }: Team): Promise<Person[]> {
  const { conman } = run.target
  const tokens = new Map([[adminId, adminToken], ...members.map(({ userId, token }) => [userId, token] as const)])
  const wanting = new Map<string, boolean>()
  await mapInParallel([...tokens], WIDTH, async ([userId, token]) => {
    const { value } = await conman.attempt(token, preferences())
    if (!(value instanceof ConmanError)) wanting.set(userId, value.emailEnabled)
  })
  const listed = await conman.all(adminToken, listMembers(app.id))
  return listed.map(({ userId, email, role }) => ({
    id: userId,
    email: email?.toLowerCase() ?? members.find((one) => one.userId === userId)?.email ?? null,
    role,
    wantsMails: wanting.get(userId) ?? null,
  }))
}
