// The back door, over the wire: what it scripts becomes of the calls, and what it tells of them is what came.

import { status as Code } from '@grpc/grpc-js'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { SeenCall } from './control.ts'
import type { RepositoryMessage } from './messages.ts'
import { startTemporaryBackend, type TemporaryBackend } from './temporary-backend.ts'

let backend: TemporaryBackend
let repository: RepositoryMessage
let door = ''

beforeAll(async () => {
  backend = await startTemporaryBackend('git', '127.0.0.1:0')
  door = `http://${backend.backend.controlAddress}`
  repository = await backend.createRepository()
  await backend.client.commit(
    repository,
    'main',
    ['a', 'b', 'c'].map((path) => ({ path, content: path })),
  )
})
beforeEach(() => script({}))
afterAll(() => backend?.[Symbol.asyncDispose]())

async function script(scripts: object): Promise<number> {
  return (await fetch(`${door}/scripts`, { method: 'PUT', body: JSON.stringify(scripts) })).status
}

async function calls(method: string): Promise<SeenCall[]> {
  const { calls } = (await (await fetch(`${door}/calls`)).json()) as { calls: SeenCall[] }
  return calls.filter((call) => call.method === method)
}

const exists = (options = {}) =>
  backend.client.unary('RepositoryService', 'RepositoryExists', { repository }, options).then(
    ({ exists }) => exists,
    ({ code }) => Code[code],
  )
const blobs = () =>
  backend.client
    .list('BlobService', 'GetBlobs', {
      repository,
      revision_paths: ['a', 'b', 'c'].map((path) => ({ revision: 'main', path: Buffer.from(path) })),
      limit: -1,
    })
    .then(
      (replies) => replies.length,
      (error: { code: number }) => Code[error.code],
    )

test('refusals by the script, then what stands for all others; times and deadlines are told', async () => {
  const before = (await calls('RepositoryExists')).length
  expect(
    await script({
      RepositoryExists: {
        steps: [{ code: 'UNAVAILABLE' }, { code: 'NOT_FOUND' }, 'pass'],
        after: { code: 'INVALID_ARGUMENT' },
      },
    }),
  ).toBe(200)
  const outcomes = []
  for (let call = 0; call < 5; call += 1) outcomes.push(await exists({ deadline: Date.now() + 7_000 }))
  expect(outcomes).toEqual(['UNAVAILABLE', 'NOT_FOUND', true, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'])
  const seen = (await calls('RepositoryExists')).slice(before)
  expect(seen.map(({ code }) => code)).toEqual([
    'UNAVAILABLE',
    'NOT_FOUND',
    'OK',
    'INVALID_ARGUMENT',
    'INVALID_ARGUMENT',
  ])
  for (const { at_ms, ended_at_ms, timeout_ms } of seen) {
    expect(timeout_ms).toBeGreaterThan(0)
    expect(timeout_ms).toBeLessThanOrEqual(7_000)
    expect(ended_at_ms).toBeGreaterThanOrEqual(at_ms)
  }
})

test('one that is late, one that is silent until its caller gives up, and the end of neither is forgotten', async () => {
  await script({ RepositoryExists: { steps: [{ delay_ms: 150 }, 'silence'] } })
  const started = performance.now()
  expect(await exists()).toBe(true)
  // A timer may come a fraction of a millisecond early.
  expect(performance.now() - started).toBeGreaterThan(148)
  expect(await exists({ deadline: Date.now() + 100 })).toBe('DEADLINE_EXCEEDED')
  await expect.poll(async () => (await calls('RepositoryExists')).at(-1)?.code).toBe('CANCELLED')
})

test('an answer that is lost after the work was done, and a stream that ends in its middle', async () => {
  const made = { storage_name: 'default', relative_path: 'apps/lost.git' }
  const whole = Number(await blobs())
  expect(whole).toBeGreaterThan(1)
  await script({ CreateRepository: { steps: [{ drop_after: 0 }] }, GetBlobs: { after: { drop_after: whole - 1 } } })
  const create = backend.client.unary('RepositoryService', 'CreateRepository', { repository: made })
  await expect(create).rejects.toMatchObject({ code: Code.UNAVAILABLE })
  const found = await backend.client.unary('RepositoryService', 'RepositoryExists', { repository: made })
  expect(found).toMatchObject({ exists: true })
  expect(await blobs()).toBe('UNAVAILABLE')
})

test('every method of the services at once, and health goes on', async () => {
  await script({ '*': { after: { code: 'UNAVAILABLE' } } })
  expect([await exists(), await blobs()]).toEqual(['UNAVAILABLE', 'UNAVAILABLE'])
  expect(await backend.client.unary('grpc.health.v1.Health', 'Check', {})).toMatchObject({ status: 1 })
})

test('what is no script is refused', async () => {
  expect(await script({ RepositoryExists: { steps: ['twice'] } })).toBe(400)
  expect(await script({ RepositoryExists: { steps: [{ code: 'NO_SUCH_CODE' }] } })).toBe(400)
  expect(await exists()).toBe(true)
})
