// Every injector on a real stack: what it says that it saw is what happened, and afterwards all is as it was.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Run } from '../../../harness/run.ts'
import { type Stack, startStack } from '../../../harness/stack/stack.ts'
import { PROXY_NAMES } from '../../../harness/stack/toxiproxy.ts'
import type { Target } from '../../../harness/target/target.ts'
import { startClock } from '../clock.ts'
import type { Fault, FaultRecord, Site } from './fault.ts'
import { gitAnswers, watchAttempts } from './git-answers.ts'
import { frozen, killed } from './processes.ts'
import { databaseStops, primaryDies, primaryDiesAhead, primaryFreezes, primaryStepsDown } from './replica-set.ts'
import { cut } from './toxics.ts'
import { Witness } from './witness.ts'

const owned = new AsyncDisposableStack()
let stack: Stack
let site: Site

beforeAll(async () => {
  stack = owned.use(await startStack({ conman: 'none' }))
  const target = {
    stack,
    mongo: { uri: stack.mongoUri, database: stack.databaseName },
    handedOver: {
      toxiproxy: {
        url: stack.addresses.toxiproxyUrl,
        proxies: Object.fromEntries(PROXY_NAMES.map((name) => [name, name])),
      },
    },
  } as unknown as Target
  const clock = startClock()
  const witness = owned.use(await Witness.open(target, clock))
  site = { run: { target, signal: new AbortController().signal } as Run, clock, witness }
})
afterAll(() => owned.disposeAsync())

/** Injects, looks at the world, heals. */
async function through(fault: Fault, meanwhile: () => Promise<void> | void = () => {}): Promise<FaultRecord> {
  await using injected = await fault.inject(site)
  const { record } = injected
  expect(record, record.unobserved_because ?? '').toMatchObject({ unobserved_because: null })
  await meanwhile()
  await injected.heal()
  expect(record, record.unconfirmed_because ?? '').toMatchObject({ unconfirmed_because: null })
  const times = [record.requested_at_ms, record.observed_at_ms, record.healed_at_ms, record.confirmed_at_ms]
  expect(times).toEqual(times.toSorted((a, b) => a! - b!))
  return record
}

test.each([
  [cut('git', { kind: 'down' }), 'connection refused'],
  [cut('mongo-worker', { kind: 'down' }), 'connection refused'],
  [cut('git', { kind: 'reset' }), 'connection reset'],
  [cut('mongo-worker', { kind: 'reset' }), 'connection'],
  [cut('git', { kind: 'black-hole' }), 'no byte'],
  [cut('mongo-worker', { kind: 'black-hole' }), 'no byte'],
  [cut('git', { kind: 'latency', latency_ms: 300 }), 'an answer after'],
  [cut('git', { kind: 'limit', bytes: 8 }), 'through git'],
])('$id is seen by going the way', async (fault, seen) => {
  const record = await through(fault)
  expect(record.observed.join()).toContain(seen)
  expect(record.confirmed.join()).toContain('an answer after')
})

test('a killed git backend is gone, and comes back on its port', async () => {
  const { pid } = stack.process('git-backend')
  const record = await through(killed('git'), () => expect(stack.process('git-backend').running).toBe(false))
  expect(record.observed).toEqual([`git-backend: process ${pid} is gone`])
  await stack.createRepository('again.git', { 'README.md': '# Again\n' })
})

test('a frozen process is in state T, and goes on', async () => {
  const { pid } = stack.process('git-backend')
  const record = await through(frozen('git'))
  expect(record.observed).toEqual([`git-backend: process ${pid} is in state T (stopped)`])
  expect(stack.process('git-backend').pid).toBe(pid)
})

test('the git backend answers as it was told, and tells the attempts', async () => {
  const attempts = await watchAttempts(site.run.target, site.clock)
  const fault = gitAnswers('git-unavailable', 'the git backend is unavailable', {
    '*': { after: { code: 'UNAVAILABLE' } },
  })
  await through(fault, async () => {
    await expect(stack.createRepository('refused.git', { 'README.md': '#\n' })).rejects.toThrow()
  })
  await stack.createRepository('taken.git', { 'README.md': '#\n' })
  const seen = await attempts.read()
  expect(seen[0]).toMatchObject({ code: 'UNAVAILABLE' })
  expect(seen.at(-1)).toMatchObject({ code: 'OK' })
  expect(seen[0]!.at_ms).toBeLessThan(site.clock.now())
})

describe('the database', () => {
  const proofs = (record: FaultRecord) => [...record.observed, ...record.confirmed].join()

  test('the primary steps down: the term rises and another one is elected, by itself', async () => {
    await using injected = await primaryStepsDown({ vacancy_s: 2 }).inject(site)
    expect(await injected.overByItself(30_000)).toBe(true)
    await injected.heal()
    expect(proofs(injected.record)).toMatch(/the term rose from \d+ to \d+.*the primary changed from/)
    expect(injected.record.over_at_ms! - injected.record.observed_at_ms!).toBeGreaterThan(1_000)
  })

  test.each([primaryDies, primaryFreezes])('$id: another one is elected, and the old one comes back', async (fault) => {
    await using injected = await fault.inject(site)
    expect(injected.record.unobserved_because).toBeNull()
    expect(await injected.overByItself(30_000)).toBe(true)
    await injected.heal()
    expect(injected.record.unconfirmed_because).toBeNull()
    expect(proofs(injected.record)).toMatch(/the primary changed from .*the set is whole/)
  })

  test('writes of a primary that nobody follows are lost when it dies', async () => {
    const client = site.run.target.mongo!
    await using mongo = await new (await import('mongodb')).MongoClient(client.uri).connect()
    const rows = mongo.db('ahead').collection('rows')
    await rows.insertOne({ kept: true }, { writeConcern: { w: 'majority' } })
    let stop = false
    const acknowledged: number[] = []
    const writing = (async () => {
      for (let number = 0; !stop; number += 1) {
        const inserted = await rows.insertOne({ number }, { writeConcern: { w: 1 } }).catch(() => undefined)
        if (inserted !== undefined) acknowledged.push(number)
      }
    })()
    const record = await through(primaryDiesAhead({ writesFor_ms: 400 }), async () => {
      stop = true
      await writing
    })
    expect(proofs(record)).toContain('what no other member has')
    const found = await rows.find({ number: { $exists: true } }, { readConcern: { level: 'majority' } }).toArray()
    expect(found.length).toBeLessThan(acknowledged.length)
  })

  test('all members stop and start: nobody answers meanwhile', async () => {
    const record = await through(databaseStops, async () => {
      await expect.poll(() => site.witness!.now.members, { timeout: 10_000 }).toBe(0)
    })
    expect(record.observed).toHaveLength(3)
    expect(site.witness!.now.primary).not.toBeNull()
  })
})
