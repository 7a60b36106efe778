// What the mix stands on: fifty people with a workspace to read and one to write, and for each request that moves a changeset on
// one that stands where it must. Touches the world.

import { mapInParallel } from '../../harness/parallel.ts'
import type { Run } from '../../harness/run.ts'
import { createChangeset, review } from '../../harness/target/conman/changesets.ts'
import { createWorkspace, writeFile } from '../../harness/target/conman/workspaces.ts'
import type { Role, Session } from '../../harness/target/conman.ts'
import { explained, WIDTH } from '../../seed/apps.ts'
import { type Proposal, proposeDrafts } from '../../seed/proposals.ts'
import { seedTeam, type Team, type Teammate } from '../../seed/team.ts'
import { fileOf, handIn } from '../lib/flow.ts'
import { countOf, type Kind } from './mix.ts'

export interface Member extends Teammate {
  /** Nobody writes it while the mix runs: what is read from it is what was written. */
  reading: { workspaceId: string; changesetId: string; path: string }
  /** Only its owner writes it. */
  writingId: string
}

export interface Prepared {
  team: Team
  members: Member[]
  reviewers: Member[]
  managers: Member[]
  /** Without a changeset, drafts, handed in, approved: one for each request that needs one. */
  workspaces: { author: Member; workspaceId: string }[]
  drafts: Proposal[]
  submitted: Proposal[]
  approved: Proposal[]
}

/** Some of each role; most people are users. */
export function rolesOf(users: number): Role[] {
  return Array.from({ length: users }, (_, index) => {
    if (index % 10 === 1) return 'reviewer'
    if (index % 10 === 2) return 'config_manager'
    return index % 25 === 3 ? 'app_admin' : 'user'
  })
}

export async function prepare(run: Run, order: readonly Kind[]): Promise<Prepared> {
  const { conman } = run.target
  const team = await seedTeam(run, 'mix', rolesOf(run.profile['api-mix'].users))
  const { app } = team
  let ready = 0
  const members = await mapInParallel([...team.members.entries()], WIDTH, async ([index, member]): Promise<Member> => {
    run.signal.throwIfAborted()
    const number = index + 1
    const own = await conman.defaultWorkspace(member.token, app.id).catch(explained(run))
    const file = fileOf(run, `reading-${number}`)
    await conman.do(member.token, writeFile(app.id, own.id, file))
    const read = await conman.do(member.token, createChangeset(app.id, own.id, `Reading ${number} of ${run.prefix}`))
    const writingId = await newWorkspace(run, app.id, member, `writing-${number}`)
    run.progress.update(`preparing the mix: ${++ready} of ${team.members.length} people`)
    return { ...member, reading: { workspaceId: own.id, changesetId: read.id, path: file.path }, writingId }
  })
  const reviewers = members.filter(({ role }) => role === 'reviewer')
  const managers = members.filter(({ role }) => role === 'config_manager')

  const names = (kind: Kind) => Array.from({ length: countOf(order, kind) }, (_, index) => `${kind}-${index + 1}`)
  const propose = (kind: Kind) =>
    proposeDrafts(
      run,
      app,
      members,
      kind,
      names(kind).map((name) => fileOf(run, name)),
    )
  const workspaces = await mapInParallel([...names('begin').entries()], WIDTH, async ([index, name]) => {
    const author = members[index % members.length]!
    return { author, workspaceId: await newWorkspace(run, app.id, author, name) }
  })
  const drafts = await propose('submit')
  const submitted = await propose('approve')
  const approved = await propose('enqueue')
  let handedIn = 0
  await mapInParallel([...submitted, ...approved], WIDTH, async (proposal) => {
    run.signal.throwIfAborted()
    await handIn(run, app.id, proposal)
    run.progress.update(`handing in changesets: ${++handedIn} of ${submitted.length + approved.length}`)
  })
  await mapInParallel([...approved.entries()], WIDTH, async ([index, { author, changesetId }]) => {
    await conman.do(another(reviewers, index, author).token, review(app.id, changesetId, 'approve'))
  })
  return { team, members, reviewers, managers, workspaces, drafts, submitted, approved }
}

/** With a change that a changeset could be made of. */
async function newWorkspace(run: Run, appId: string, author: Session, name: string): Promise<string> {
  const { conman } = run.target
  const { id } = await conman.do(author.token, createWorkspace(appId, `${run.prefix}-${name}`))
  await conman.do(author.token, writeFile(appId, id, fileOf(run, name)))
  return id
}

/** A reviewer who is not the author: they take turns. */
export function another(reviewers: readonly Member[], index: number, author: Session): Member {
  const others = reviewers.filter(({ userId }) => userId !== author.userId)
  return others[index % others.length]!
}
