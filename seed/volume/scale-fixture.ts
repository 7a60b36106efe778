// What the scale scenarios stand on: the scale volume on a stack of our own, and elsewhere as much as can be made over HTTP.

import type { Run } from '../../harness/run.ts'
import type { App, Session } from '../../harness/target/conman.ts'
import { seedEditors } from '../editors.ts'
import { passwordOf } from '../people.ts'
import { seedListingOverHttp } from './over-http.ts'
import { type SeededScale, seedScale } from './scale.ts'
import { VOLUME } from './shape.ts'

export interface Account extends Session {
  password: string
}

export interface ScalePeople {
  people: Account[]
  made_over: 'database' | 'http'
}

export interface ScaleFixture extends ScalePeople {
  app: App
  /** Of the administrator. */
  adminToken: string
  /** Those who may put the queue into another order. */
  managers: Session[]
}

/** People with passwords and sessions: so many, or as many as join over HTTP. */
export async function scalePeople(run: Run, count: number): Promise<ScalePeople> {
  if (isOverHttp(run)) {
    const { users } = await seedEditors(run, { users: VOLUME.people })
    return { people: users.slice(0, count).map((user) => withPassword(run, user)), made_over: 'http' }
  }
  const seeded = await seedScale(run)
  return { people: await sessionsOf(run, seeded, count), made_over: 'database' }
}

export async function scaleFixture(run: Run): Promise<ScaleFixture> {
  const { admin, conman } = run.target
  if (isOverHttp(run)) {
    const { app, adminToken, readers } = await seedListingOverHttp(run)
    const people = readers.map((reader) => withPassword(run, reader))
    const manager = await conman.login(admin.email, admin.password)
    return { app, adminToken, people, managers: [manager], made_over: 'http' }
  }
  const seeded = await seedScale(run)
  const people = await sessionsOf(run, seeded, seeded.people.length)
  return {
    app: seeded.app,
    adminToken: (await conman.login(admin.email, admin.password)).token,
    people,
    managers: people.filter((_, index) => seeded.people[index]!.role === 'config_manager'),
    made_over: 'database',
  }
}

function isOverHttp({ seedOver, target }: Run): boolean {
  return seedOver === 'http' || target.fixtures === undefined
}

/** Without a login each: the stack's own secret signs their tokens. Their rows have the administrator's password. */
async function sessionsOf(run: Run, { app, people }: SeededScale, count: number): Promise<Account[]> {
  const sessions = await run.target.fixtures!.members(app, people.slice(0, count))
  return sessions.map((session) => ({ ...session, password: run.target.admin.password }))
}

function withPassword(run: Run, session: Session): Account {
  return { ...session, password: passwordOf(session.email, run.target.admin.password) }
}
