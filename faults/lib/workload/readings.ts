// What is there once all is over: as the API shows it, as the database has it for good, as git has it. Facts; what of it should
// be there, the checkers say.

import { ObjectId } from 'mongodb'
import { type Static, Type } from 'typebox'
import { GitRepository } from '../../../harness/git.ts'
import { mapInParallel } from '../../../harness/parallel.ts'
import type { Run } from '../../../harness/run.ts'
import type { ListCall } from '../../../harness/target/conman/call.ts'
import * as changesets from '../../../harness/target/conman/changesets.ts'
import { listJobs } from '../../../harness/target/conman/jobs.ts'
import { listDeployments, listReleases } from '../../../harness/target/conman/releases.ts'
import { listTemporary } from '../../../harness/target/conman/temporary-environments.ts'
import { readFile } from '../../../harness/target/conman/workspaces.ts'
import { type App, ConmanError } from '../../../harness/target/conman.ts'
import type { Fixture } from './fixture.ts'
import { type Operation, type Sighting, SightingSchema } from './history.ts'
import { MESSAGE, pathOf, seenChangeset, seenDeployment, seenJob, seenRelease, seenTemporary } from './operations.ts'

const EffectKind = Type.Union([
  Type.Literal('file'),
  Type.Literal('commit'),
  Type.Literal('comment'),
  Type.Literal('changeset'),
])

export const ReadingSchema = Type.Object(
  {
    source: Type.Union([Type.Literal('api'), Type.Literal('database'), Type.Literal('git')]),
    /** How often the effect of a key was found; kinds that this source does not tell are not there. */
    effects: Type.Array(
      Type.Object({ kind: EffectKind, key: Type.String(), count: Type.Integer() }, { additionalProperties: false }),
    ),
    /** Kinds of effects that were read whole: what has no entry of them is not there. */
    whole: Type.Array(EffectKind),
    rows: Type.Array(SightingSchema),
    /** Kinds of rows that were read whole. */
    whole_rows: Type.Array(Type.String()),
    /** What could not be read, and why. */
    unread: Type.Array(Type.String()),
  },
  { additionalProperties: false },
)
export type Reading = Static<typeof ReadingSchema>
export type EffectKind = Static<typeof EffectKind>

const WIDTH = 8

/** Everything but files, whose keys are only known afterwards. */
export async function readApi(run: Run, fixture: Fixture, label: string): Promise<Reading> {
  const { conman } = run.target
  const reading = emptyReading('api')
  const apps = appsOf(fixture)
  const bodies = await readAll(reading, 'comments', fixture.writers, async ({ token, changesetId }) =>
    (await conman.all(token, changesets.listComments(fixture.app.id, changesetId))).map(({ body }) => body),
  )
  tell(reading, 'comment', bodies, label)
  const titles = await readAll(reading, 'changesets', apps, async ({ app, token }) => {
    const rows = await conman.all(token, changesets.listChangesets(app.id))
    reading.rows.push(...rows.map(seenChangeset))
    return rows.map(({ title }) => title)
  })
  tell(reading, 'changeset', titles, label)
  if (titles !== undefined) reading.whole_rows.push('changeset')
  const lists: { kind: string; call(appId: string): ListCall<unknown>; seen(row: never): Sighting }[] = [
    { kind: 'release', call: listReleases, seen: seenRelease },
    { kind: 'deployment', call: listDeployments, seen: seenDeployment },
    { kind: 'temp-env', call: listTemporary, seen: seenTemporary },
    { kind: 'job', call: listJobs, seen: seenJob },
  ]
  for (const { kind, call, seen } of lists) {
    const rows = await readAll(reading, `${kind}s`, apps, async ({ app, token }) =>
      (await conman.all(token, call(app.id))).map((row) => seen(row as never)),
    )
    if (rows === undefined) continue
    reading.rows.push(...rows)
    reading.whole_rows.push(kind)
  }
  return reading
}

/** Each file that was or may have been written, through its writer's workspace. */
export async function readFiles(
  run: Run,
  fixture: Fixture,
  operations: readonly Operation[],
  into: Reading,
): Promise<void> {
  const people = [...fixture.writers, ...fixture.tenants, ...fixture.releaseApps.flatMap(({ authors }) => authors)]
  const tokens = new Map(people.map(({ userId, token }) => [userId, token] as const))
  let unread = 0
  await mapInParallel(writesOf(operations), WIDTH, async ({ key, on }) => {
    const { value } = await run.target.conman.attempt(
      tokens.get(on.user!),
      readFile(on.app!, on.workspace!, pathOf(key!)),
    )
    if (!(value instanceof ConmanError)) {
      into.effects.push({ kind: 'file', key: key!, count: value.toString('utf8') === `${key}\n` ? 1 : 0 })
    } else if (value.status === 404) into.effects.push({ kind: 'file', key: key!, count: 0 })
    // Some targets answer 502 for a path that is not there, as for a git backend that is not.
    else if (unread++ < 3) into.unread.push(`file ${pathOf(key!)}: ${value.message.slice(0, 200)}`)
  })
  if (unread === 0) into.whole.push('file')
}

export function writesOf(operations: readonly Operation[]): Operation[] {
  return operations.filter(({ f, type, key }) => f === 'write-file' && type !== 'fail' && key !== null)
}

/** What no failover can undo: from the primary, with readConcern majority. */
export async function readDatabase(run: Run, fixture: Fixture, label: string): Promise<Reading | null> {
  const { database } = run.target
  if (database === undefined) return null
  const reading = emptyReading('database')
  const ofApps = { app_id: { $in: appsOf(fixture).flatMap(({ app }) => bothForms(app.id)) } }
  const find = (collection: string, filter: object, fields: readonly string[]) =>
    database.find(collection, filter, {
      readConcern: 'majority',
      projection: Object.fromEntries(fields.map((field) => [field, 1])),
    })
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (cause) {
      reading.unread.push(`${what}: ${String(cause instanceof Error ? cause.message : cause).slice(0, 200)}`)
      return undefined
    }
  }
  const of = { changeset_id: { $in: fixture.writers.flatMap(({ changesetId }) => bothForms(changesetId)) } }
  const comments = await attempt('changeset_comments', () => find('changeset_comments', of, ['body']))
  tell(
    reading,
    'comment',
    comments?.map(({ body }) => String(body)),
    label,
  )
  const tables = [
    ['changeset', 'changesets', ['title', 'state', 'queue_position']],
    ['release', 'release_batches', ['state']],
    ['deployment', 'deployments', ['state', 'environment_id']],
    ['temp-env', 'temp_environments', ['state']],
    ['job', 'jobs', ['state']],
  ] as const
  for (const [kind, collection, fields] of tables) {
    const rows = await attempt(collection, () => find(collection, ofApps, fields))
    if (rows === undefined) continue
    reading.whole_rows.push(kind)
    for (const row of rows) {
      reading.rows.push({
        kind,
        id: String(row._id),
        state: String(row.state),
        ...(row.environment_id === undefined ? {} : { place: String(row.environment_id) }),
        ...(typeof row.queue_position === 'number' ? { position: row.queue_position } : {}),
      })
    }
    if (kind === 'changeset')
      tell(
        reading,
        kind,
        rows.map(({ title }) => String(title)),
        label,
      )
  }
  return reading
}

/** What git itself has, past the target. Branches of temporary environments as rows. */
export async function readGit(
  run: Run,
  fixture: Fixture,
  operations: readonly Operation[],
  label: string,
): Promise<Reading | null> {
  const { gitStorage } = run.target
  if (gitStorage === undefined) return null
  const reading = emptyReading('git')
  const writes = writesOf(operations)
  let whole = true
  for (const { app } of appsOf(fixture)) {
    try {
      const repository = new GitRepository(run.tool('git').path, gitStorage, app.repoPath)
      const commits = await repository.commitsByMessage(`${MESSAGE} ${label}-`)
      tell(
        reading,
        'commit',
        commits.map(({ key }) => key),
        label,
      )
      const mine = writes.filter(({ on }) => on.app === app.id)
      const files = await repository.readFiles(
        mine.map(({ key, on }) => ({ revision: `refs/heads/${on.branch}`, path: pathOf(key!) })),
      )
      for (const [index, { key }] of mine.entries()) {
        reading.effects.push({ kind: 'file', key: key!, count: files[index]?.toString('utf8') === `${key}\n` ? 1 : 0 })
      }
      for (const branch of (await repository.branches()).keys()) {
        const id = /^temp\/([^/]+)\//.exec(branch)?.[1]
        if (id !== undefined) reading.rows.push({ kind: 'temp-env-branch', id, state: branch })
      }
    } catch (cause) {
      whole = false
      reading.unread.push(`${app.repoPath}: ${String(cause instanceof Error ? cause.message : cause).slice(0, 200)}`)
    }
  }
  reading.whole = whole ? ['commit', 'file'] : []
  if (whole) reading.whole_rows.push('temp-env-branch')
  return reading
}

export function appsOf(fixture: Fixture): { app: App; token: string }[] {
  return [
    { app: fixture.app, token: fixture.adminToken },
    ...fixture.releaseApps.map(({ app, manager }) => ({ app, token: manager.token })),
  ]
}

/** References are stored as ids, and here and there as their text. */
export function bothForms(id: string): (ObjectId | string)[] {
  return ObjectId.isValid(id) ? [new ObjectId(id), id] : [id]
}

function emptyReading(source: Reading['source']): Reading {
  return { source, effects: [], whole: [], rows: [], whole_rows: [], unread: [] }
}

/** Counts the keys of this run; undefined: they could not be read. */
function tell(reading: Reading, kind: EffectKind, found: readonly string[] | undefined, label: string): void {
  if (found === undefined) return
  const counts = new Map<string, number>()
  for (const key of found) if (key.startsWith(`${label}-`)) counts.set(key, (counts.get(key) ?? 0) + 1)
  reading.effects.push(...[...counts].map(([key, count]) => ({ kind, key, count })))
  if (!reading.whole.includes(kind)) reading.whole.push(kind)
}

/** All or nothing: a list that is partly unread would show as losses what it does not show. */
async function readAll<T, R>(
  reading: Reading,
  what: string,
  of: readonly T[],
  read: (one: T) => Promise<R[]>,
): Promise<R[] | undefined> {
  try {
    return (await mapInParallel(of, WIDTH, read)).flat()
  } catch (cause) {
    if (!(cause instanceof ConmanError)) throw cause
    reading.unread.push(`${what}: ${cause.message.slice(0, 200)}`)
    return undefined
  }
}
