/** Recording heads on a real replica set: a move is stored if the workspace is as it was, whatever else is in the batch. */
import { randomBytes } from 'node:crypto'
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLogger } from '../logging.ts'
import type { WorkspaceDocument } from '../mongo/documents.ts'
import { openStore, type Store } from '../mongo/store.ts'
import type { Services } from '../services.ts'
import { createHeadRecorder } from './head-recorder.ts'

const uri = process.env.READINESS_TEST_MONGO_URI

describe.skipIf(uri === undefined)('the head recorder', () => {
  const userId = new ObjectId()
  let store: Store
  let record: ReturnType<typeof createHeadRecorder>

  beforeAll(async () => {
    const database = `head_recorder_${randomBytes(4).toString('hex')}`
    store = await openStore({ uri: uri ?? '', database, appName: 'test', logger: createLogger('silent') })
    record = createHeadRecorder({ store } as Services)
  })
  afterAll(async () => {
    await store?.db.dropDatabase()
    await store?.close()
  })

  async function workspace(): Promise<ObjectId> {
    const _id = new ObjectId()
    await store.data.workspaces.insertOne({ _id, head_sha: 'start', base_sha: 'base' } as WorkspaceDocument)
    return _id
  }
  const stored = async (_id: ObjectId) => {
    const { head_sha, base_sha, version } = (await store.data.workspaces.findOne({ _id })) ?? {}
    return { head_sha, base_sha, version }
  }

  test('moves from version to version, and the base only when told', async () => {
    const _id = await workspace()
    const first = await record({
      userId,
      from: { _id, head_sha: 'start', base_sha: 'base' },
      head: 'a',
      base: undefined,
    })
    expect(first).toEqual({ _id, head_sha: 'a', base_sha: 'base', version: 1 })
    const second = await record({ userId, from: first!, head: 'b', base: 'later' })
    expect(second).toEqual({ _id, head_sha: 'b', base_sha: 'later', version: 2 })
    expect(await stored(_id)).toEqual({ head_sha: 'b', base_sha: 'later', version: 2 })
  })

  test('refuses a move from an older version, even to or from an equal head', async () => {
    const _id = await workspace()
    const start = { _id, head_sha: 'start', base_sha: 'base' }
    const away = await record({ userId, from: start, head: 'away', base: undefined })
    // Back where it began, by a reset: the head alone would not tell.
    await record({ userId, from: away!, head: 'start', base: undefined })
    for (const head of ['late', 'start']) {
      expect(await record({ userId, from: start, head, base: 'late' })).toBe(undefined)
    }
    expect(await stored(_id)).toEqual({ head_sha: 'start', base_sha: 'base', version: 2 })
  })

  test('in a batch each move has its own answer', async () => {
    const ids = await Promise.all(Array.from({ length: 30 }, workspace))
    const outdated = new Set(ids.filter((_, n) => n % 3 === 0))
    await store.data.workspaces.updateMany({ _id: { $in: [...outdated] } }, { $set: { version: 7 } })
    const moves = ids.map((_id) => ({
      userId,
      from: { _id, head_sha: 'start', base_sha: 'base' },
      head: `to ${_id}`,
      base: undefined,
    }))
    const answers = await Promise.all(moves.map(record))
    for (const [n, _id] of ids.entries()) {
      expect(answers[n] === undefined).toBe(outdated.has(_id))
      expect((await stored(_id)).head_sha).toBe(outdated.has(_id) ? 'start' : `to ${_id}`)
    }
  })
})
