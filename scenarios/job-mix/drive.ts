// The steady load itself: changes are begun and handed in, and releases deployed, each at its time, however long those before it
// take. By the client, which obeys rate limits and writes down what is made. Touches the world.

import { setTimeout as delay } from 'node:timers/promises'
import type { Run } from '../../harness/run.ts'
import { createChangeset, submit } from '../../harness/target/conman/changesets.ts'
import { place } from '../../harness/target/conman/releases.ts'
import { createWorkspace, writeFile } from '../../harness/target/conman/workspaces.ts'
import { ConmanError } from '../../harness/target/conman.ts'
import type { Deed } from '../lib/deeds.ts'
import { fileOf } from '../lib/flow.ts'
import type { Prepared } from './prepare.ts'

export interface Attempt {
  kind: 'standard' | 'deploy'
  started_ms: number
  late_ms: number
  /** Of the answer that decides; the last one's where all is well. */
  status: number
  error: string
  entity: string | null
  /** On this machine's clock. */
  ended_at_ms: number
}

export interface Driven {
  attempts: Attempt[]
  deeds: Deed[]
  started_at: string
  duration_s: number
}

export async function drive(run: Run, prepared: Prepared): Promise<Driven> {
  const { of_each, rate_per_minute } = run.profile['job-mix']
  const every_ms = 60_000 / rate_per_minute
  // The two kinds alternate: at no moment more than one of them begins.
  const turns = Array.from({ length: of_each }, (_, index) => [
    { kind: 'standard' as const, index, due_ms: index * every_ms },
    { kind: 'deploy' as const, index, due_ms: (index + 0.5) * every_ms },
  ]).flat()
  const deeds: Deed[] = []
  const under_way: Promise<Attempt>[] = []
  const started_at = new Date().toISOString()
  const began = performance.now()
  for (const { kind, index, due_ms } of turns) {
    const wait_ms = due_ms - (performance.now() - began)
    if (wait_ms > 0) await delay(wait_ms, undefined, { signal: run.signal })
    run.signal.throwIfAborted()
    const started_ms = performance.now() - began
    const work = kind === 'standard' ? handInOne(run, prepared, index, deeds) : deployOne(run, prepared, index, deeds)
    const late_ms = Math.max(0, started_ms - due_ms)
    under_way.push(work.then((done) => ({ kind, started_ms, late_ms, ...done, ended_at_ms: Date.now() })))
    run.progress.update(`job-mix: ${under_way.length} of ${turns.length} begun`)
  }
  const duration_s = (performance.now() - began) / 1_000
  return { attempts: await Promise.all(under_way), deeds, started_at, duration_s }
}

type Done = Pick<Attempt, 'status' | 'error' | 'entity'>

async function handInOne(run: Run, { team }: Prepared, index: number, deeds: Deed[]): Promise<Done> {
  const { conman } = run.target
  const author = team.members[index % team.members.length]!
  const name = `job-${String(index + 1).padStart(4, '0')}`
  const title = `Readiness ${run.id} ${name}.`
  const noted = noting(deeds, author.userId)
  const appId = team.app.id
  return attempted(async () => {
    const workspace = await noted({ name: 'workspace/created' }, async () => {
      const made = await conman.do(author.token, createWorkspace(appId, `${run.prefix}-${name}`))
      return { value: made, entity: made.id }
    })
    await noted({ name: 'file/written' }, async () => {
      const commit = await conman.do(author.token, writeFile(appId, workspace.id, fileOf(run, name)))
      return { value: commit, commit }
    })
    const changeset = await noted({ name: 'changeset/created' }, async () => {
      const made = await conman.do(author.token, createChangeset(appId, workspace.id, title))
      return { value: made, entity: made.id }
    })
    const about = { title, author: author.userId, entity: changeset.id }
    return noted({ name: 'changeset/submitted', ...about }, async () => {
      const { answer } = await conman.exchange(author.token, submit(appId, changeset.id))
      return { value: { status: answer.status, entity: changeset.id } }
    })
  })
}

async function deployOne(run: Run, prepared: Prepared, index: number, deeds: Deed[]): Promise<Done> {
  const { team, managers, environments, releaseId } = prepared
  const manager = managers[index % managers.length]!
  const environment = environments[index % environments.length]!
  const placing = place('deploy', team.app.id, { environmentId: environment.id, releaseId })
  return attempted(() =>
    noting(deeds, manager.userId)({ name: 'deployment/started' }, async () => {
      const { answer, value } = await run.target.conman.exchange(manager.token, placing)
      const { id } = value.deployment
      return { value: { status: answer.status, entity: id }, entity: id }
    }),
  )
}

async function attempted(work: () => Promise<{ status: number; entity: string }>): Promise<Done> {
  try {
    return { ...(await work()), error: '' }
  } catch (cause) {
    if (!(cause instanceof ConmanError)) throw cause
    return { status: cause.status, error: cause.message.slice(0, 300), entity: null }
  }
}

/** Writes down what was acknowledged, and what may have been done though nobody said so; not what was refused. */
function noting(deeds: Deed[], actor: string) {
  const nothing = { actor, entity: null, commit: null, title: null, author: null }
  return async <T>(
    deed: Pick<Deed, 'name'> & Partial<Deed>,
    act: () => Promise<{ value: T; entity?: string; commit?: string }>,
  ): Promise<T> => {
    try {
      const { value, entity = deed.entity ?? null, commit = null } = await act()
      deeds.push({ ...nothing, ...deed, entity, commit, acknowledged: true })
      return value
    } catch (cause) {
      const unknown = cause instanceof ConmanError && (cause.status === 0 || cause.status >= 500)
      if (unknown) deeds.push({ ...nothing, ...deed, acknowledged: false })
      throw cause
    }
  }
}
