// The seeds on a stack of their own: what they write is read back through the API as a user would, a second seeding changes
// nothing, and one that was cut short is made whole.

import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newRunId } from '../../harness/evidence/store.ts'
import { silent } from '../../harness/progress.ts'
import type { Run } from '../../harness/run.ts'
import { openSession, type Session } from '../../harness/session.ts'
import { openTarget } from '../../harness/target/open.ts'
import { referenceOptions } from '../../harness/target/options.ts'
import { seedChangesets } from '../changesets.ts'
import { withDatabase } from '../database.ts'
import { seedEditors } from '../editors.ts'
import { seedListing } from './listing.ts'
import { seedScale } from './scale.ts'
import { STATES, VOLUME } from './shape.ts'
import { seedVolume } from './volume.ts'

let session: Session
beforeAll(async () => {
  session = await openSession(newRunId(), {
    profile: 'smoke',
    randomSeed: 7,
    overrides: new Map(),
    seedOver: 'database',
    target: { ...referenceOptions(), tools: ['mongod', 'toxiproxy-server', 'git'] },
    openTarget,
    progress: silent,
    signal: new AbortController().signal,
  })
})
afterAll(() => session?.[Symbol.asyncDispose]())

/** As another run would come: what one target was seeded with is remembered for that target. */
function another(): Run {
  return { ...session.run, target: { ...session.run.target } }
}

async function get(path: string, token: string): Promise<{ data: unknown[]; pagination: { total: number } }> {
  const answer = await session.target.conman.http.request('GET', path, { token })
  expect(answer.status, path).toBe(200)
  return answer.json as { data: unknown[]; pagination: { total: number } }
}

test('the volume is there for its people, and a second seeding writes nothing', async () => {
  const first = await seedVolume(another())
  expect(first.added).toBeGreaterThan(5_000)
  expect(first.files).toBeGreaterThanOrEqual(10_000)

  const { app, members } = first.listing
  const { token } = members[0]!
  const total = async (state: string, app = first.listing.app) =>
    (await get(`/api/apps/${app.id}/changesets?state=${state}&limit=1`, token)).pagination.total
  expect(await total('queued')).toBe(VOLUME.queued)
  const shown: Record<string, number> = {}
  for (const state of Object.keys(STATES)) {
    for (const one of first.apps) {
      const someone = one.members[0]!.token
      const listed = await get(`/api/apps/${one.app.id}/changesets?state=${state}&limit=1`, someone)
      shown[state] = (shown[state] ?? 0) + listed.pagination.total
    }
  }
  expect(shown).toEqual({ ...STATES, queued: STATES.queued + VOLUME.queued })

  const releases = await get(`/api/apps/${app.id}/releases`, token)
  expect(releases.pagination.total).toBeGreaterThan(5)
  const jobs = await get(`/api/apps/${app.id}/jobs?type=msuite_submit&limit=1`, token)
  expect(jobs.pagination.total).toBeGreaterThan(VOLUME.queued)

  const second = await seedVolume(another())
  expect(second.added).toBe(0)
  expect(second.listing.changesets).toEqual(first.listing.changesets)
})

test('what is missing is made again, with the dates of the first time', async () => {
  const whole = await seedVolume(another())
  const lost = whole.listing.changesets.slice(0, 3).map(({ id }) => new ObjectId(id))
  await withDatabase(session.run, async (db) => {
    const before = await db
      .collection('changesets')
      .find({ _id: { $in: lost } })
      .toArray()
    await db.collection('changesets').deleteMany({ _id: { $in: lost } }, { writeConcern: { w: 'majority' } })
    expect((await seedVolume(another())).added).toBe(3)
    const after = await db
      .collection('changesets')
      .find({ _id: { $in: lost } })
      .toArray()
    const byId = (a: { _id: ObjectId }, b: { _id: ObjectId }) => a._id.toHexString().localeCompare(b._id.toHexString())
    expect(after.sort(byId)).toEqual(before.sort(byId))
  })
})

test('a row that nobody seeded is found', async () => {
  const { listing } = await seedVolume(another())
  const [first] = listing.changesets
  await withDatabase(session.run, async (db) => {
    await db.collection('changesets').updateOne({ _id: new ObjectId(first!.id) }, { $set: { state: 'canceled' } })
    await expect(seedVolume(another())).rejects.toThrow('the seed does not hold after writing')
    await db.collection('changesets').updateOne({ _id: new ObjectId(first!.id) }, { $set: { state: first!.state } })
  })
})

test('a workspace of the volume can be edited, and its changeset be handed on', async () => {
  const { listing } = await seedVolume(another())
  const draft = listing.changesets.find(({ state }) => state === 'draft')!
  const author = listing.members.find(({ number }) => number === draft.author)!
  const workspace = listing.workspaces[draft.workspace - 1]!
  const base = `/api/apps/${listing.app.id}`
  const { http } = session.target.conman
  const written = await http.request('PUT', `${base}/workspaces/${workspace.id}/files`, {
    token: author.token,
    body: { path: 'config/new.yaml', content: Buffer.from('a: 1\n').toString('base64') },
  })
  expect(written.status).toBe(200)
  const submitted = await http.request('POST', `${base}/changesets/${draft.id}/submit`, {
    token: author.token,
    body: {},
  })
  expect(submitted.status).toBe(200)
})

test('the scale volume, and a second seeding of it', async () => {
  const first = await seedScale(another())
  const [session1] = await session.target.fixtures!.members(first.app, first.people.slice(0, 1))
  const listed = await get(`/api/apps/${first.app.id}/changesets?limit=1`, session1!.token)
  expect(listed.pagination.total).toBe(session.run.profile.scale.changesets)
  expect((await seedScale(another())).added).toBe(0)
})

test('over HTTP a smaller one, which says what it lacks; a second seeding makes nothing new', async () => {
  const run = { ...another(), seedOver: 'http' as const }
  const first = await seedListing(run)
  expect(first.made_over).toBe('http')
  expect(first.queued.length).toBe(40)
  expect(first.missing.join(' ')).toContain('460 of 500 queued changesets')
  const second = await seedListing({ ...another(), seedOver: 'http' as const })
  expect(second.queued.sort()).toEqual(first.queued.sort())
})

test('changesets in one state, each on a branch with a commit of its own', async () => {
  const seeded = await seedEditors(session.run, { users: 2 })
  const volume = { count: 3, state: 'queued', label: 'some', commits: true } as const
  const made = await seedChangesets(session.run, seeded, volume)
  const { token } = seeded.users[0]!
  const listed = await get(`/api/apps/${seeded.app.id}/changesets?state=queued`, token)
  const ids = (listed.data as { id: string }[]).map(({ id }) => id)
  expect(ids).toEqual(expect.arrayContaining(made.map(({ id }) => id)))
  const answer = await session.target.conman.http.request(
    'GET',
    `/api/apps/${seeded.app.id}/changesets/${made[1]!.id}/diff`,
    { token },
  )
  expect(answer.json).toMatchObject({ data: [{ path: 'config/some/1.yaml', additions: 1, deletions: 0 }] })
})
