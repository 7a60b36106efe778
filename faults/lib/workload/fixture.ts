// What the load works on: an app with users who edit and comment, and apps whose changes are released and deployed, each with
// its own people. Made once a target and used by every fault.

import { mapInParallel } from '../../../harness/parallel.ts'
import { mailOf } from '../../../harness/prefix.ts'
import type { Run } from '../../../harness/run.ts'
import { listApps, listMembers, type Role } from '../../../harness/target/conman/apps.ts'
import { createChangeset, listChangesets } from '../../../harness/target/conman/changesets.ts'
import { listEnvironments, setEnvironments } from '../../../harness/target/conman/environments.ts'
import type { App, Session } from '../../../harness/target/conman.ts'
import { type Editor, seedEditors } from '../../../seed/editors.ts'
import { passwordOf } from '../../../seed/people.ts'

export interface Writer extends Editor {
  /** Their own, for comments. */
  changesetId: string
}

export interface ReleaseApp {
  app: App
  /** The administrator: reviews, queues, releases, deploys. */
  manager: Session
  /** A second approver, for what wants two. */
  approver: Session
  authors: readonly Session[]
  /** In the order of their stages. */
  environments: readonly { id: string }[]
}

export interface Fixture {
  app: App
  adminToken: string
  writers: readonly Writer[]
  /** Who make temporary environments of their workspaces. */
  tenants: readonly Writer[]
  releaseApps: readonly ReleaseApp[]
}

export interface FixtureSize {
  users: number
  tenants: number
  release_apps: number
}

const fixtures = new WeakMap<object, Promise<Fixture>>()

export function fixtureOf(run: Run, size: FixtureSize): Promise<Fixture> {
  const known = fixtures.get(run.target) ?? seed(run, size)
  fixtures.set(run.target, known)
  return known
}

const AUTHORS = 2
const WIDTH = 4

async function seed(run: Run, { users, tenants, release_apps }: FixtureSize): Promise<Fixture> {
  const { conman } = run.target
  const seeded = await seedEditors(run, { users: users + tenants })
  const open = new Map(
    (await conman.all(seeded.adminToken, listChangesets(seeded.app.id))).map((one) => [one.workspaceId, one.id]),
  )
  const writers = await mapInParallel(seeded.users, WIDTH, async (user): Promise<Writer> => {
    const changesetId =
      open.get(user.workspace.id) ??
      (await conman.do(user.token, createChangeset(seeded.app.id, user.workspace.id, `${run.prefix} ${user.email}`))).id
    return { ...user, changesetId }
  })
  const releaseApps: ReleaseApp[] = []
  for (let number = 1; number <= release_apps; number += 1) releaseApps.push(await seedReleaseApp(run, number))
  run.progress.say(
    `seeded ${users} users who write, ${tenants} with temporary environments, ${release_apps} apps that are released`,
  )
  return {
    app: seeded.app,
    adminToken: seeded.adminToken,
    writers: writers.slice(0, users),
    tenants: writers.slice(users),
    releaseApps,
  }
}

async function seedReleaseApp(run: Run, number: number): Promise<ReleaseApp> {
  const { conman, admin } = run.target
  const name = `${run.prefix}-faults-${number}`
  const first = await conman.login(admin.email, admin.password)
  const existing = (await conman.all(first.token, listApps())).find((app) => app.name === name)
  const made =
    existing === undefined
      ? await conman.createApp(
          { ...admin, token: first.token },
          { name, repoPath: await run.target.repositoryFor(name) },
        )
      : { app: existing, session: first }
  const { app, session: manager } = made
  const people: { label: string; role: Role }[] = [
    ...Array.from({ length: AUTHORS }, (_, index) => ({ label: `author-${index + 1}`, role: 'user' as const })),
    { label: 'approver', role: 'config_manager' },
  ]
  const [approver, ...authors] = (await join(run, app, manager.token, number, people)).toReversed()
  const environments = await stages(run, app, manager.token)
  return {
    app,
    manager,
    approver: approver!,
    environments,
    authors: authors.toReversed(),
  }
}

async function join(
  run: Run,
  app: App,
  adminToken: string,
  number: number,
  people: readonly { label: string; role: Role }[],
): Promise<Session[]> {
  const { conman, admin, fixtures } = run.target
  const accounts = people.map(({ label, role }) => {
    const email = mailOf(run.prefix, `faults-${number}-${label}`)
    return { email, name: `Readiness ${label}`, role, password: passwordOf(email, admin.password) }
  })
  if (run.seedOver === 'database' && fixtures !== undefined) return fixtures.members(app, accounts)
  const members = new Set((await conman.all(adminToken, listMembers(app.id))).map(({ email }) => email))
  return mapInParallel(accounts, WIDTH, (account) =>
    members.has(account.email)
      ? conman.login(account.email, account.password)
      : conman.join(adminToken, app.id, account),
  )
}

/** Some targets give an app its environments, others none (D25): three stages are made where there are fewer. */
async function stages(run: Run, app: App, token: string): Promise<{ id: string }[]> {
  const { conman } = run.target
  const there = (await conman.all(token, listEnvironments(app.id))).sort((a, b) => a.position - b.position)
  if (there.length >= 3) return there
  const names = ['dev', 'qa', 'prod'].map((name, index) => ({ name, isCanonical: index === 2 }))
  return (await conman.do(token, setEnvironments(app.id, names))).sort((a, b) => a.position - b.position)
}
