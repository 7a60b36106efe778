/**
 * What MongoDB sees of the whole product flow: its profiler on every member tells how each query was answered and how durable
 * each write was asked to be (GL-P4, GL-R5; data-and-runtime §1.6, §6.1).
 */
import { type Document, MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { releaseFlow } from './release-flow.ts'
import { createWorld, HAS_PARTS, idOf, type Person, until, type World } from './world.ts'

/** A handful of rows that operators make. */
const SMALL = ['job_pauses']

/** Lists, and the collection that each is of. */
const LISTS = [
  ['changesets', 'changesets'],
  ['changesets?state=queued', 'changesets'],
  ['changesets?state=draft,submitted', 'changesets'],
  ['queue', 'changesets'],
  ['releases', 'release_batches'],
  ['releases?state=published', 'release_batches'],
  ['deployments', 'deployments'],
  ['temp-envs', 'temp_environments'],
  ['jobs', 'jobs'],
  ['jobs?type=msuite_submit', 'jobs'],
  ['jobs?type=msuite_submit&state=succeeded', 'jobs'],
  ['audit', 'audit_events'],
  ['audit?entity_type=changeset', 'audit_events'],
  ['audit?action=created', 'audit_events'],
  ['environments', 'environments'],
  ['workspaces', 'workspaces'],
] as const

describe.skipIf(!HAS_PARTS)('the database', () => {
  let world: World
  let author: Person
  const members: MongoClient[] = []
  let flow: Document[] = []

  beforeAll(async () => {
    world = await createWorld()
    author = await world.person('user')
    const hello = await world.db.admin().command({ hello: 1 })
    for (const host of hello.hosts as string[]) {
      members.push(await new MongoClient(`mongodb://${host}/?directConnection=true`).connect())
    }
    await everyMember({ profile: 2 })
    await wholeFlow()
    flow = await profiled()
  })
  afterAll(async () => {
    for (const member of members) await member.close()
    await world?.[Symbol.asyncDispose]()
  })

  async function everyMember(command: Document): Promise<void> {
    for (const member of members) await member.db(world.db.databaseName).command(command)
  }

  /** What the server under test asked, on whichever member. */
  async function profiled(since = new Date(0)): Promise<Document[]> {
    const rows: Document[] = []
    for (const member of members) {
      const profile = member.db(world.db.databaseName).collection('system.profile')
      rows.push(
        ...(await profile.find({ appName: /^conman-/, ts: { $gte: since } }, { readPreference: 'nearest' }).toArray()),
      )
    }
    return rows
  }

  async function wholeFlow(): Promise<void> {
    const releases = releaseFlow(world, await world.person('config_manager'))
    const [environment = ''] = await releases.environments()
    const first = await world.changeset(author, 'queued')
    const second = await world.changeset(author, 'queued')
    await author.send('POST', `${second}/comments`, { body: 'a comment' })
    await author.get(`${second}/comments`)
    await releases.deployed(environment, await releases.published(first))
    const source = { kind: 'workspace', source_id: idOf(await world.workspace(author)) }
    const temporary = await author.send('POST', `${world.app}/temp-envs`, source)
    await world.job(temporary.body.data.job.id)
    await author.send('DELETE', `${world.app}/temp-envs/${temporary.body.data.temp_env.id}`)
    await world.anonymous.send('POST', '/api/auth/forgot-password', { email: author.email })
    const unfinished = () => world.db.collection('jobs').countDocuments({ finished_at: null })
    await until(async () => (await unfinished()) === 0, 'all jobs are done')
  }

  const collectionOf = ({ ns }: Document) => String(ns).slice(world.db.databaseName.length + 1)

  test('reads no collection from end to end in the whole product flow', () => {
    const planned = flow.filter(({ planSummary }) => planSummary !== undefined)
    expect(planned.length).toBeGreaterThan(200)
    const whole = planned.filter((row) => /COLLSCAN/.test(row.planSummary) && !SMALL.includes(collectionOf(row)))
    expect(whole.map((row) => `${collectionOf(row)} ${JSON.stringify(row.command)}`)).toEqual([])
  })

  test('is asked to store by the majority, in the journal; only audit rows are let go sooner', () => {
    const asked = flow.filter(({ command }) => command?.insert !== undefined || command?.findAndModify !== undefined)
    const concerns = new Map<string, Set<string>>()
    for (const row of asked) {
      const { w, j } = row.command.writeConcern ?? {}
      // A transaction says it once, when it is committed.
      const said = row.command.autocommit === false ? 'in a transaction' : `w ${w}, j ${j}`
      concerns.set(collectionOf(row), (concerns.get(collectionOf(row)) ?? new Set()).add(said))
    }
    expect(concerns.size).toBeGreaterThan(10)
    for (const [collection, said] of concerns) {
      const wanted = collection === 'audit_events' ? ['w 1, j false'] : ['w majority, j true', 'in a transaction']
      expect([collection, [...said].filter((one) => !wanted.includes(one))]).toEqual([collection, []])
    }
  })

  test.each(LISTS)('sorts GET …/%s by the index that finds it', async (list, collection) => {
    const since = new Date()
    const reader = list.startsWith('audit') ? world.admin : author
    expect((await reader.get(`${world.app}/${list}`)).status).toBe(200)
    const seen = (await profiled(since)).filter(
      (row) => collectionOf(row) === collection && row.planSummary !== undefined,
    )
    expect(seen.filter(({ op }) => op === 'query').length).toBeGreaterThan(0)
    for (const { planSummary, hasSortStage = false } of seen) {
      expect([planSummary, hasSortStage]).toEqual([expect.stringMatching(/^(IXSCAN|COUNT_SCAN|IDHACK)/), false])
    }
  })
})
