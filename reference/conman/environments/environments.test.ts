/** Environments over the whole server: the set changes as a whole, keeps its ids, and never under a deployment. */
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ServerProcess, startServer } from '../test/server-process.ts'
import { openServices } from '../test/services.ts'
import { createWorld, HAS_PARTS, idOf, type Person, type World } from '../test/world.ts'

interface Row {
  id?: string | null
  name: string
  position: number
  is_canonical?: boolean
  runtime_profile_id?: string | null
}

describe.skipIf(!HAS_PARTS)('environments', () => {
  let world: World
  let user: Person

  beforeAll(async () => {
    world = await createWorld()
    user = await world.person('user')
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  const url = () => `${world.app}/environments`
  const list = async (app = world.app): Promise<(Row & { id: string })[]> =>
    (await world.admin.get(`${app}/environments`)).body.data
  const patch = (environments: unknown, app = world.app) =>
    world.admin.send('PATCH', `${app}/environments`, { environments })
  const stored = async (app = world.app) =>
    world.db
      .collection('environments')
      .find({ app_id: new ObjectId(idOf(app)) })
      .sort({ position: 1 })
      .toArray()
  const canonical = async (app = world.app) => (await world.admin.get(app)).body.data.settings.canonical_env_id
  const brief = (rows: readonly Row[]) =>
    rows.map(({ id, name, position, is_canonical }) => [id, name, position, is_canonical])

  async function profile(app = world.app, kind = 'persistent_env'): Promise<string> {
    const body = { base_url: '', database_engine: '', connection_ref: '', provisioning_mode: '' }
    const given = { ...body, kind, name: new ObjectId().toHexString() }
    return (await world.admin.send('POST', `${app}/runtime-profiles`, given)).body.data.id
  }

  async function consistent(app: string): Promise<void> {
    const rows = await stored(app)
    expect(rows.map(({ position }) => position)).toEqual(rows.map((_, index) => index))
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length)
    const marked = rows.filter(({ is_canonical }) => is_canonical)
    expect(marked).toHaveLength(1)
    expect(await canonical(app)).toBe(marked[0]?._id.toHexString())
  }

  test('are listed in their order, to every member', async () => {
    const rows = (await user.get(url())).body.data
    expect(rows.map(({ name }: Row) => name)).toEqual(['Development', 'QA', 'UAT', 'Production'])
    expect(rows[3]).toMatchObject({ position: 3, is_canonical: true, runtime_profile_id: null, app_id: world.appId })
  })

  test('any exchange of names, positions and the canonical mark keeps the ids', async () => {
    const app = await world.anotherApp()
    const [a, b, c, d] = await list(app)
    const wanted = [
      { id: a?.id, name: d?.name, position: 3, is_canonical: false },
      { id: b?.id, name: a?.name, position: 0, is_canonical: true },
      { id: c?.id, name: c?.name, position: 2 },
      { id: d?.id, name: b?.name, position: 1 },
    ]
    const answer = await patch(wanted, app)
    expect(answer.status).toBe(200)
    const set = [
      [b?.id, 'Development', 0, true],
      [d?.id, 'QA', 1, false],
      [c?.id, 'UAT', 2, false],
      [a?.id, 'Production', 3, false],
    ]
    expect(brief(answer.body.data)).toEqual(set)
    expect(brief(await list(app))).toEqual(set)
    expect(await canonical(app)).toBe(b?.id)
    const [first, , third] = await stored(app)
    expect(first?.created_at).not.toEqual(first?.updated_at)
    expect(third?.created_at).toEqual(third?.updated_at)
    const row = () =>
      world.db.collection('audit_events').findOne({ action: 'environments_updated', entity_id: idOf(app) })
    await expect.poll(row).toMatchObject({ entity_type: 'app', app_id: new ObjectId(idOf(app)) })
    const audit = await row()
    expect(audit?.before.map(({ name, is_canonical }: Row) => [name, is_canonical])).toEqual([
      ['Development', false],
      ['QA', false],
      ['UAT', false],
      ['Production', true],
    ])
    expect(audit?.after[0]).toMatchObject({ id: new ObjectId(b?.id), name: 'Development', is_canonical: true })
  })

  test('a row without an id is the one of its name; new ones get ids, and what is not named goes', async () => {
    const app = await world.anotherApp()
    const [development, , , production] = await list(app)
    const linked = await profile(app)
    const rows: Row[] = [
      { name: 'Production', position: 1, is_canonical: true },
      { name: 'Development', position: 0, runtime_profile_id: linked },
      { id: null, name: 'Fresh', position: 2 },
      { id: 'new', name: 'Newer', position: 3 },
    ]
    const answer = await patch(rows, app)
    expect(answer.status).toBe(200)
    const [one, two, three, four] = answer.body.data
    expect([one.id, two.id]).toEqual([development?.id, production?.id])
    expect([three.name, four.name]).toEqual(['Fresh', 'Newer'])
    expect(one.runtime_profile_id).toBe(linked)
    // The same body once more finds what the first made; `new` is another one then.
    const again = await patch(rows, app)
    expect(again.body.data.map(({ id }: Row) => id).slice(0, 3)).toEqual([one.id, two.id, three.id])
    expect(again.body.data[3].id).not.toBe(four.id)
    // What a row does not say is off.
    const plain = await patch([{ name: 'Development', position: 0, is_canonical: true }], app)
    expect(plain.body.data).toMatchObject([{ id: development?.id, runtime_profile_id: null }])
    expect(await canonical(app)).toBe(development?.id)
    // An id says more than a name.
    const renamed = await patch(
      [
        { id: development?.id, name: 'Other', position: 0, is_canonical: true },
        { name: 'Development', position: 1 },
      ],
      app,
    )
    expect(renamed.body.data[0].id).toBe(development?.id)
    expect(renamed.body.data[1].id).not.toBe(development?.id)
  })

  test('a set that cannot be one is refused and changes nothing', async () => {
    const [a, b, c, d] = await list()
    const rows = [a, b, c, d].map((row) => ({ ...row }) as Row)
    const foreign = (await list(await world.anotherApp()))[0]?.id as string
    const foreignProfile = await profile(await world.anotherApp())
    const temporary = await profile(world.app, 'temp_workspace')
    const changed = (index: number, more: object) => rows.map((row, at) => (at === index ? { ...row, ...more } : row))
    const cases: [string, unknown][] = [
      ['none', []],
      ['no list', {}],
      ['nothing', undefined],
      ['no canonical one', changed(3, { is_canonical: false })],
      ['two canonical ones', changed(0, { is_canonical: true })],
      ['a blank name', changed(0, { name: ' ' })],
      ['a long name', changed(0, { name: 'n'.repeat(129) })],
      ['a name twice', changed(0, { name: 'QA' })],
      ['a position twice', changed(0, { position: 1 })],
      ['a gap', changed(3, { position: 4 })],
      ['a first one that is not 0', rows.map((row) => ({ ...row, position: row.position + 1 }))],
      ['a negative position', changed(0, { position: -1 })],
      ['a fraction', changed(0, { position: 0.5 })],
      ['a position as text', changed(0, { position: '0' })],
      ['an id twice', changed(0, { id: b?.id })],
      ['an unknown id', changed(0, { id: 'f'.repeat(24) })],
      ['an id of another app', changed(0, { id: foreign })],
      ['a malformed id', changed(0, { id: 'zz' })],
      ['an empty id', changed(0, { id: '' })],
      ['an operator as id', changed(0, { id: { $ne: null } })],
      ['a malformed profile', changed(0, { runtime_profile_id: 'zz' })],
      ['an unknown profile', changed(0, { runtime_profile_id: 'f'.repeat(24) })],
      ['a profile of another app', changed(0, { runtime_profile_id: foreignProfile })],
      ['a temporary profile', changed(0, { runtime_profile_id: temporary })],
      ['no name', changed(0, { name: undefined })],
      ['a canonical mark as text', changed(0, { is_canonical: 'false' })],
      ['too many', Array.from({ length: 51 }, (_, n) => ({ name: `${n}`, position: n, is_canonical: n === 0 }))],
    ]
    const before = [await stored(), await canonical()]
    for (const [what, environments] of cases) {
      const answer = await patch(environments)
      expect([what, answer.status, answer.body.error?.code]).toEqual([what, 400, 'validation_error'])
    }
    expect([await stored(), await canonical()]).toEqual(before)
    for (const role of ['user', 'reviewer', 'config_manager', 'outsider'] as const) {
      const person = await world.person(role)
      expect((await person.send('PATCH', url(), { environments: rows })).status).toBe(403)
    }
    expect([await stored(), await canonical()]).toEqual(before)
  })

  test.each(['pending', 'running'])(
    'while a deployment is %s they stay, and afterwards they can change',
    async (state) => {
      const app = await world.anotherApp()
      const [environment] = await list(app)
      const deployments = world.db.collection('deployments')
      const now = new Date()
      const deployment = {
        app_id: new ObjectId(idOf(app)),
        environment_id: new ObjectId(environment?.id),
        release_id: new ObjectId(),
      }
      await deployments.insertOne({ ...deployment, state, created_at: now, updated_at: now })
      const before = await stored(app)
      const rows = [{ name: 'Only', position: 0, is_canonical: true }]
      const refused = await patch(rows, app)
      expect([refused.status, refused.body.error.code]).toEqual([409, 'conflict'])
      // What is wrong in itself is told first.
      expect((await patch([], app)).status).toBe(400)
      expect(await stored(app)).toEqual(before)
      // One elsewhere is no matter.
      expect((await patch(rows, await world.anotherApp())).status).toBe(200)
      await deployments.updateOne(deployment, { $set: { state: 'succeeded' } })
      expect((await patch(rows, app)).status).toBe(200)
    },
  )

  test('a removal and a deployment at the same moment cannot both win', async () => {
    await using services = await openServices(world.env)
    const { data, causality } = services.store
    for (let round = 0; round < 8; round += 1) {
      const app = await world.anotherApp()
      const [environment] = await list(app)
      const environment_id = new ObjectId(environment?.id)
      const now = new Date()
      /** What a deploy request does: it writes on the environment, and stores the deployment with it. */
      const deploy = causality
        .transaction([], async (session) => {
          const touched = await data.environments.updateOne(
            { _id: environment_id },
            { $inc: { version: 1 } },
            { session },
          )
          if (touched.matchedCount === 0) throw new Error('gone')
          const deployment = { app_id: new ObjectId(idOf(app)), environment_id, state: 'pending', created_at: now }
          await data.deployments.insertOne(deployment as never, { session })
        })
        .then(
          () => true,
          () => false,
        )
      const [deployed, removed] = await Promise.all([
        deploy,
        patch([{ name: 'Only', position: 0, is_canonical: true }], app),
      ])
      expect([200, 409]).toContain(removed.status)
      expect(deployed).toBe(removed.status === 409)
      const there = (await stored(app)).some(({ _id }) => _id.equals(environment_id))
      expect(there).toBe(deployed)
    }
  })

  describe('at the same moment', () => {
    let second: ServerProcess
    beforeAll(async () => {
      second = await startServer(['--role', 'api'], world.env)
    })
    afterAll(() => second?.[Symbol.asyncDispose]())

    test('fifty changes on two servers leave one set', async () => {
      const app = await world.anotherApp()
      const known = await list(app)
      const admins = [world.admin, second.client(world.admin.token)]
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, n) => {
          const size = 1 + (n % 6)
          const rows = Array.from({ length: size }, (_, at) => {
            const position = (at + n) % size
            const kept = n % 4 === 0 ? known[at]?.id : undefined
            return { ...(kept && { id: kept }), name: `${n % 3} ${at}`, position, is_canonical: at === n % size }
          })
          return (admins[n % 2] as (typeof admins)[0]).send('PATCH', `${app}/environments`, { environments: rows })
        }),
      )
      const statuses = answers.map(({ status }) => status)
      // An id that an earlier one has removed is unknown to a later one.
      expect(statuses.every((status) => [200, 400, 409].includes(status))).toBe(true)
      expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(30)
      await consistent(app)
      const last = await stored(app)
      const shown = answers.filter(({ status }) => status === 200).map(({ body }) => JSON.stringify(brief(body.data)))
      expect(shown).toContain(JSON.stringify(brief(last.map(({ _id, ...row }) => ({ ...row, id: _id }) as never))))
    })

    test('first sets of an app without environments do not mix', async () => {
      const app = await world.anotherApp()
      await world.db.collection('environments').deleteMany({ app_id: new ObjectId(idOf(app)) })
      const admins = [world.admin, second.client(world.admin.token)]
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          (admins[n % 2] as (typeof admins)[0]).send('PATCH', `${app}/environments`, {
            environments: [
              { name: `a${n}`, position: 0, is_canonical: true },
              { name: `b${n}`, position: 1 },
            ],
          }),
        ),
      )
      expect(answers.every(({ status }) => status === 200 || status === 409)).toBe(true)
      expect(await stored(app)).toHaveLength(2)
      await consistent(app)
    })
  })
})
