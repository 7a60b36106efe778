// What the mix stands on: fifty people with a workspace to read and one to write, and for each request that moves a changeset on
// one that stands where it must. Touches the world.

import { mapInParallel } from '../../harness/parallel.ts'
import type { Run } from '../../harness/run.ts'
import { createChangeset } from '../../harness/target/conman/changesets.ts'
import { writeFile } from '../../harness/target/conman/workspaces.ts'
import type { Role, Workspace } from '../../harness/target/conman.ts'
import { seedTeam, type Team, type Teammate } from '../../seed/team.ts'
import { approve, type Change, fileOf, handIn, newChange, newWorkspace } from '../lib/flow.ts'
import { countOf, type Kind } from './mix.ts'

/** Requests in flight while preparing. */
const WIDTH = 8

export interface Member extends Teammate {
  /** Nobody writes it while the mix runs: what is read from it is what was written. */
  reading: Change
  readingFile: string
  /** Only its owner writes it. */
  writing: Workspace
}

export interface Prepared {
  team: Team
  members: Member[]
  reviewers: Member[]
  managers: Member[]
  /** Drafts without a changeset, drafts, handed in, approved: one for each request that needs one. */
  workspaces: { author: Member; workspace: Workspace }[]
  drafts: Change[]
  submitted: Change[]
  approved: Change[]
}

/** Some of each role; most people are users. */
export function rolesOf(users: number): Role[] {
  return Array.from({ length: users }, (_, index) => {
    if (index % 10 === 1) return 'reviewer'
    if (index % 10 === 2) return 'config_manager'
    return index % 25 === 3 ? 'app_admin' : 'user'
  })
}

/** By which audit rows and mails find it again; none begins another one. */
export function titleOf(run: Run, name: string): string {
  return `Readiness ${run.id} ${name}.`
}

export async function prepare(run: Run, order: readonly Kind[]): Promise<Prepared> {
  const team = await seedTeam(run, 'mix', rolesOf(run.profile['api-mix'].users))
  const appId = team.app.id
  let ready = 0
  const members = await mapInParallel(team.members, WIDTH, async (member): Promise<Member> => {
    run.signal.throwIfAborted()
    const number = team.members.indexOf(member) + 1
    const own = await run.target.conman.defaultWorkspace(member.token, appId)
    const file = fileOf(run, `reading-${number}`)
    await run.target.conman.do(member.token, writeFile(appId, own.id, file))
    const begun = createChangeset(appId, own.id, titleOf(run, `reading-${number}`))
    const reading = { author: member, workspace: own, changeset: await run.target.conman.do(member.token, begun) }
    const writing = await newWorkspace(run, appId, member, `writing-${number}`)
    run.progress.update(`preparing the mix: ${++ready} of ${team.members.length} people`)
    return { ...member, reading, readingFile: file.path, writing }
  })
  const reviewers = members.filter(({ role }) => role === 'reviewer')
  const managers = members.filter(({ role }) => role === 'config_manager')

  const authorOf = (index: number) => members[index % members.length]!
  const many = <T>(kind: Kind, make: (index: number) => Promise<T>): Promise<T[]> =>
    mapInParallel([...Array(countOf(order, kind)).keys()], WIDTH, (index) => {
      run.signal.throwIfAborted()
      run.progress.update(`preparing the mix: changesets to ${kind}, ${index + 1}`)
      return make(index)
    })
  const draft = (kind: Kind, index: number) => {
    const name = `${kind}-${index + 1}`
    return newChange(run, appId, authorOf(index), name, titleOf(run, name))
  }
  const workspaces = await many('begin', async (index) => {
    const author = authorOf(index)
    return { author, workspace: await newWorkspace(run, appId, author, `begin-${index + 1}`) }
  })
  const drafts = await many('submit', (index) => draft('submit', index))
  const submitted = await many('approve', async (index) => {
    const change = await draft('approve', index)
    await handIn(run, appId, change)
    return change
  })
  const approved = await many('enqueue', async (index) => {
    const change = await draft('enqueue', index)
    await handIn(run, appId, change)
    await approve(run, appId, another(reviewers, index, change), change)
    return change
  })
  return { team, members, reviewers, managers, workspaces, drafts, submitted, approved }
}

/** A reviewer who is not the author: they take turns. */
export function another(reviewers: readonly Member[], index: number, { author }: Change): Member {
  const others = reviewers.filter(({ userId }) => userId !== author.userId)
  return others[index % others.length]!
}
