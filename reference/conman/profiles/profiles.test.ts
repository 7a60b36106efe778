/** Runtime profiles over the whole server: writing, reading, revealing, history, and what workers do with them. */
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AppDocument, EnvValue } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import type { Client } from '../test/server-process.ts'
import { openServices } from '../test/services.ts'
import { createWorld, HAS_PARTS, idOf, type Person, type World } from '../test/world.ts'

const GIVEN = {
  kind: 'persistent_env',
  base_url: 'https://dev.example.test',
  env_vars: {
    FEATURE_X: { type: 'boolean', value: true },
    MAX: { type: 'number', value: 100.5 },
    LIST: { type: 'json', value: { $ref: 'x', 'a.b': [1, { c: null }] } },
  },
  secrets: { API_KEY: 'dev-secret-key', PIN: '1234' },
  database_engine: 'mongodb',
  connection_ref: 'ref',
  provisioning_mode: '',
  migration_paths: ['migrations'],
}

describe.skipIf(!HAS_PARTS)('runtime profiles', () => {
  let world: World
  let user: Person
  let count = 0

  beforeAll(async () => {
    world = await createWorld()
    user = await world.person('user')
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  const url = () => `${world.app}/runtime-profiles`
  const newName = () => `profile-${++count}`
  const profiles = () => world.db.collection('runtime_profiles')
  const revisions = (profile: string) =>
    world.db
      .collection('runtime_profile_revisions')
      .find({ profile_id: new ObjectId(idOf(profile)) })
      .sort({ revision: 1 })
      .toArray()
  const stored = async (profile: string) => profiles().findOne({ _id: new ObjectId(idOf(profile)) })
  const audits = (profile: string, query = {}) =>
    world.db
      .collection('audit_events')
      .find({ entity_id: idOf(profile), ...query })
      .sort({ occurred_at: 1, _id: 1 })
      .toArray()

  async function create(more: object = {}, client: Client = world.admin): Promise<string> {
    const answer = await client.send('POST', url(), { name: newName(), ...GIVEN, ...more })
    expect([answer.status, answer.body.error]).toEqual([201, undefined])
    return `${url()}/${answer.body.data.id}`
  }
  const patch = (profile: string, body: unknown) => world.admin.send('PATCH', profile, body)
  const reveal = (profile: string, key: string) => world.admin.send('POST', `${profile}/secrets/${key}/reveal`)

  test('are created, listed newest first and read, with masked secrets', async () => {
    const name = newName()
    const created = await world.admin.send('POST', url(), { name, ...GIVEN })
    expect(created).toMatchObject({
      status: 201,
      body: {
        data: {
          ...GIVEN,
          name,
          app_id: world.appId,
          secrets: { API_KEY: 'dev-***-key', PIN: '****' },
          base_profile_id: null,
          migration_command: null,
          revision: 1,
        },
      },
    })
    const { id } = created.body.data
    expect((await user.get(`${url()}/${id}`)).body.data).toEqual(created.body.data)
    const later = await create()
    const list = (await user.get(url())).body.data
    expect(list.map((profile: { id: string }) => profile.id).slice(0, 2)).toEqual([idOf(later), id])
    expect(list[1]).toEqual(created.body.data)
    await expect
      .poll(() => audits(id))
      .toMatchObject([
        {
          entity_type: 'runtime_profile',
          action: 'created',
          actor_user_id: new ObjectId(world.admin.id),
          after: { name, secrets: { API_KEY: 'dev-***-key', PIN: '****' } },
        },
      ])
    expect(await revisions(id)).toMatchObject([{ revision: 1, created_by: new ObjectId(world.admin.id) }])
  })

  test.each([
    ['a blank name', { name: ' ' }],
    ['a long name', { name: 'n'.repeat(129) }],
    ['an unknown kind', { kind: 'other' }],
    ['a key with a dot', { env_vars: { 'a.b': { type: 'string', value: '' } } }],
    ['an empty key', { env_vars: { '': { type: 'string', value: '' } } }],
    ['a key over two lines', { env_vars: { 'a\nb': { type: 'string', value: '' } } }],
    ['an untyped value', { env_vars: { A: 'x' } }],
    ['a value of another type', { env_vars: { A: { type: 'number', value: 'x' } } }],
    ['a json value without a value', { env_vars: { A: { type: 'json' } } }],
    [
      'a json value that the driver takes for its own',
      { env_vars: { A: { type: 'json', value: [{ _bsontype: 'Long' }] } } },
    ],
    ['a json key with NUL', { env_vars: { A: { type: 'json', value: { 'a\0': 1 } } } }],
    [
      'a json value that is too deep',
      { env_vars: { A: { type: 'json', value: JSON.parse('['.repeat(70) + ']'.repeat(70)) } } },
    ],
    ['a secret with a bad name', { secrets: { 'a b': 'x' } }],
    ['a secret that is no text', { secrets: { A: 1 } }],
    ['half a character as a secret', { secrets: { A: '\ud800' } }],
    ['too many secrets', { secrets: Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`S${n}`, 'x'])) }],
    ['too large a profile', { secrets: { A: 'x'.repeat(262_145) } }],
    ['an operator instead of a name', { name: { $gt: '' } }],
    ['a malformed base', { base_profile_id: 'zz' }],
    ['an empty base', { base_profile_id: '' }],
    ['paths that are no list', { migration_paths: 'migrations' }],
  ])('%s is refused, by creating and by changing', async (_what, more) => {
    const before = await profiles().countDocuments()
    const created = await world.admin.send('POST', url(), { name: newName(), ...GIVEN, ...more })
    expect([created.status, created.body.error.code]).toEqual([400, 'validation_error'])
    expect(await profiles().countDocuments()).toBe(before)
    if ('kind' in more) return
    const profile = await create()
    const was = await stored(profile)
    expect((await patch(profile, more)).status).toBe(400)
    expect(await stored(profile)).toEqual(was)
    expect(await revisions(profile)).toHaveLength(1)
  })

  test('a body that is nested without end is refused and does no harm', async () => {
    const deep = '['.repeat(400_000) + ']'.repeat(400_000)
    const body = JSON.stringify({ name: newName(), ...GIVEN, env_vars: { A: { type: 'json', value: 0 } } })
    const answer = await world.admin.send('POST', url(), body.replace('"value":0', `"value":${deep}`))
    expect([answer.status, answer.body.error.code]).toEqual([400, 'validation_error'])
    const elsewhere = await world.admin.send('POST', url(), body.replace('{', `{"else":${deep},`))
    expect(elsewhere.status).toBe(201)
  })

  test('a change takes whole maps, leaves what is null or absent, and is a new revision', async () => {
    const profile = await create()
    const answer = await patch(profile, {
      base_url: 'https://other.example.test',
      env_vars: { ONLY: { type: 'string', value: 'x', extra: 'dropped' } },
      secrets: { TOKEN: 'a-new-secret-value' },
      database_engine: null,
      kind: 'temp_workspace',
      revision: 77,
      app_id: 'f'.repeat(24),
      secrets_encrypted: { EVIL: 'x' },
    })
    expect(answer.status).toBe(200)
    expect(answer.body.data).toMatchObject({
      base_url: 'https://other.example.test',
      env_vars: { ONLY: { type: 'string', value: 'x' } },
      secrets: { TOKEN: 'a-ne***alue' },
      database_engine: 'mongodb',
      kind: 'persistent_env',
      revision: 2,
      app_id: world.appId,
    })
    expect((await user.get(profile)).body.data).toEqual(answer.body.data)
    expect(Object.keys((await stored(profile)) ?? {})).not.toContain('constructor')
    const rows = await revisions(profile)
    expect(rows.map(({ revision }) => revision)).toEqual([1, 2])
    expect(rows[1]?.snapshot).toMatchObject({ base_url: 'https://other.example.test', revision: 2 })
    await expect
      .poll(() => audits(profile, { action: 'updated' }))
      .toMatchObject([
        {
          before: {
            base_url: 'https://dev.example.test',
            revision: 1,
            secrets: { API_KEY: 'dev-***-key', PIN: '****' },
          },
          after: { base_url: 'https://other.example.test', revision: 2, secrets: { TOKEN: 'a-ne***alue' } },
        },
      ])
    const told = () =>
      world
        .mails()
        .filter(({ event_type, body }) => event_type === 'runtime_profile_changed' && body.includes(profile))
        .map(({ recipient_email }) => recipient_email)
    const manager = await world.person('config_manager')
    await patch(profile, { connection_ref: 'other' })
    // The admin did it, and the manager was no member when the first change was made.
    await expect.poll(told).toEqual([manager.email])
  })

  test('nothing given changes nothing', async () => {
    const profile = await create()
    const before = await stored(profile)
    for (const body of [{}, { name: null, secrets: null }, { kind: 'temp_workspace', constructor: 1 }]) {
      expect((await patch(profile, body)).body.data).toMatchObject({ revision: 1, kind: 'persistent_env' })
    }
    expect(await stored(profile)).toEqual(before)
    expect((await patch(profile, undefined)).status).toBe(400)
  })

  test('a name is used once in an app', async () => {
    const [first, second] = [await create(), await create()]
    const name = (await stored(first))?.name
    const duplicate = await world.admin.send('POST', url(), { name, ...GIVEN })
    expect([duplicate.status, duplicate.body.error.code]).toEqual([409, 'conflict'])
    expect((await patch(second, { name })).status).toBe(409)
    expect(await revisions(second)).toHaveLength(1)
    expect((await patch(first, { name })).status).toBe(200)
    const elsewhere = await world.anotherApp()
    expect((await world.admin.send('POST', `${elsewhere}/runtime-profiles`, { name, ...GIVEN })).status).toBe(201)
    const parallel = newName()
    const tries = await Promise.all(
      Array.from({ length: 10 }, () => world.admin.send('POST', url(), { name: parallel, ...GIVEN })),
    )
    expect(tries.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)])
  })

  test('the base is a profile of the same app', async () => {
    const [base, profile] = [await create(), await create()]
    const based = await create({ base_profile_id: idOf(base) })
    expect((await stored(based))?.base_profile_id).toEqual(new ObjectId(idOf(base)))
    expect((await patch(profile, { base_profile_id: idOf(base) })).body.data.base_profile_id).toBe(idOf(base))
    const elsewhere = `${await world.anotherApp()}/runtime-profiles`
    const other = (await world.admin.send('POST', elsewhere, { name: newName(), ...GIVEN })).body.data.id
    for (const id of [other, 'f'.repeat(24)]) {
      expect((await world.admin.send('POST', url(), { name: newName(), ...GIVEN, base_profile_id: id })).status).toBe(
        404,
      )
      expect((await patch(profile, { base_profile_id: id })).status).toBe(404)
    }
    expect((await patch(profile, { base_profile_id: idOf(profile) })).status).toBe(400)
    expect(await revisions(profile)).toHaveLength(2)
  })

  test('a secret is revealed to an admin, and the reveal is recorded with its mask', async () => {
    const profile = await create()
    expect(await reveal(profile, 'API_KEY')).toMatchObject({
      status: 200,
      body: { data: { key: 'API_KEY', value: 'dev-secret-key' } },
    })
    await expect
      .poll(() => audits(profile, { entity_type: 'runtime_profile_secret' }))
      .toMatchObject([{ action: 'revealed', before: null, after: { key: 'API_KEY', value: 'dev-***-key' } }])
    for (const key of ['NONE', 'constructor', '__proto__', 'toString', 'a%2Fb']) {
      expect([key, (await reveal(profile, key)).status]).toEqual([key, 404])
    }
    const manager = await world.person('config_manager')
    expect((await manager.send('POST', `${profile}/secrets/API_KEY/reveal`)).status).toBe(403)
    expect(await audits(profile, { entity_type: 'runtime_profile_secret' })).toHaveLength(1)
  })

  test('parallel changes all become revisions, one after the other', async () => {
    const profile = await create()
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        n % 3 === 0
          ? world.admin.send('POST', `${profile}/revert`, { revision: 1 })
          : patch(profile, { base_url: `https://${n}`, secrets: { N: `secret number ${n}` } }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(200))
    expect(answers.map(({ body }) => body.data.revision).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 30 }, (_, n) => n + 2),
    )
    const rows = await revisions(profile)
    expect(rows.map(({ revision }) => revision)).toEqual(Array.from({ length: 31 }, (_, n) => n + 1))
    const { version: _, ...last } = rows[30]?.snapshot ?? {}
    expect(await stored(profile)).toMatchObject(last)
  })

  test('a change whose revision cannot be stored is not stored either', async () => {
    const profile = await create()
    const [row] = await revisions(profile)
    const taken = { ...row, _id: new ObjectId(), revision: 2 }
    await world.db.collection('runtime_profile_revisions').insertOne(taken)
    const before = await stored(profile)
    expect((await patch(profile, { base_url: 'x' })).status).toBe(409)
    expect((await world.admin.send('POST', `${profile}/revert`, { revision: 1 })).status).toBe(409)
    expect(await stored(profile)).toEqual(before)
    expect(await revisions(profile)).toHaveLength(2)
  })

  test('one of another app is not there, whatever is asked of it', async () => {
    const profile = await create()
    const elsewhere = profile.replace(world.app, await world.anotherApp())
    const before = await stored(profile)
    const wrong = [elsewhere, `${url()}/${'f'.repeat(24)}`]
    for (const place of wrong) {
      for (const [method, path, body] of [
        ['GET', '', undefined],
        ['PATCH', '', { base_url: 'x' }],
        ['PATCH', '', { name: '' }],
        ['POST', '/secrets/API_KEY/reveal', undefined],
        ['GET', '/revisions', undefined],
        ['POST', '/revert', { revision: 1 }],
        ['POST', '/rotate-key', {}],
      ] as const) {
        const answer = await world.admin.send(method, `${place}${path}`, body)
        expect([method, path, answer.status, answer.body.error.code]).toEqual([method, path, 404, 'not_found'])
      }
    }
    expect(await stored(profile)).toEqual(before)
    expect(await revisions(profile)).toHaveLength(1)
    expect((await world.admin.get(`${url()}/zz`)).status).toBe(400)
  })

  test('only admins write, and all members read', async () => {
    const profile = await create()
    const before = await stored(profile)
    for (const role of ['user', 'reviewer', 'config_manager', 'outsider'] as const) {
      const person = await world.person(role)
      expect((await person.send('POST', url(), { name: newName(), ...GIVEN })).status).toBe(403)
      expect((await person.send('PATCH', profile, { base_url: 'x' })).status).toBe(403)
      expect((await person.send('POST', `${profile}/revert`, { revision: 1 })).status).toBe(403)
      expect((await person.send('POST', `${profile}/rotate-key`, {})).status).toBe(403)
      const read = role === 'outsider' ? 403 : 200
      for (const path of [url(), profile, `${profile}/revisions`]) expect((await person.get(path)).status).toBe(read)
    }
    expect(await stored(profile)).toEqual(before)
  })

  describe('history', () => {
    test('is listed newest first, in pages, secrets masked', async () => {
      const profile = await create()
      for (const base_url of ['2', '3', '4']) await patch(profile, { base_url })
      const list = async (query = '') => (await user.get(`${profile}/revisions${query}`)).body
      const all = await list()
      expect(all.pagination).toEqual({ page: 1, limit: 20, total: 4 })
      expect(all.data.map(({ revision }: { revision: number }) => revision)).toEqual([4, 3, 2, 1])
      expect(all.data[0].snapshot).toEqual((await user.get(profile)).body.data)
      expect(all.data[3]).toMatchObject({
        profile_id: idOf(profile),
        created_by: world.admin.id,
        snapshot: { base_url: GIVEN.base_url, secrets: { API_KEY: 'dev-***-key', PIN: '****' } },
      })
      expect((await list('?limit=2&page=2')).data).toEqual(all.data.slice(2))
      expect((await list('?page=9')).data).toEqual([])
      expect((await user.get(`${profile}/revisions?page=0`)).status).toBe(400)
    })

    test('a revert brings everything back but the identity, as a new revision', async () => {
      const profile = await create()
      const original = (await user.get(profile)).body.data
      await patch(profile, {
        name: newName(),
        base_url: 'x',
        env_vars: {},
        secrets: { OTHER: 'other secret' },
        database_engine: 'x',
        connection_ref: 'x',
        provisioning_mode: 'x',
        base_profile_id: idOf(await create()),
        migration_paths: [],
        migration_command: 'x',
      })
      const reverted = await world.admin.send('POST', `${profile}/revert`, { revision: 1 })
      expect(reverted.status).toBe(200)
      const { updated_at } = reverted.body.data
      expect(reverted.body.data).toEqual({ ...original, revision: 3, updated_at })
      expect((await reveal(profile, 'API_KEY')).body.data.value).toBe('dev-secret-key')
      expect((await reveal(profile, 'OTHER')).status).toBe(404)
      expect(await revisions(profile)).toHaveLength(3)
      await expect
        .poll(() => audits(profile, { action: 'reverted' }))
        .toMatchObject([
          { before: { revision: 2, base_url: 'x' }, after: { revision: 3, base_url: GIVEN.base_url, reverted_to: 1 } },
        ])
      expect((await world.admin.send('POST', `${profile}/revert`, { revision: 3 })).body.data.revision).toBe(4)
    })

    test('a revert to what is not there, or to a name that is taken, changes nothing', async () => {
      const profile = await create()
      const name = (await stored(profile))?.name
      await patch(profile, { name: newName() })
      await create({ name })
      const before = await stored(profile)
      const revert = (revision: unknown) => world.admin.send('POST', `${profile}/revert`, { revision })
      expect((await revert(9)).status).toBe(404)
      expect((await revert(1)).status).toBe(409)
      for (const revision of [0, -1, 1.5, '1', null]) expect((await revert(revision)).status).toBe(400)
      expect((await world.admin.send('POST', `${profile}/revert`, {})).status).toBe(400)
      expect(await stored(profile)).toEqual(before)
      expect(await revisions(profile)).toHaveLength(2)
    })
  })

  describe('workers', () => {
    let services: Services & AsyncDisposable
    let second: Services & AsyncDisposable
    let app: AppDocument
    const origin = { requestId: 'job-1', ip: null, userAgent: null, gitUntilMs: 0 }
    const text = (value: string): EnvValue => ({ type: 'string', value })

    beforeAll(async () => {
      ;[services, second] = await Promise.all([openServices(world.env), openServices(world.env)])
      app = (await services.store.data.apps.findOne({ _id: new ObjectId(world.appId) })) as AppDocument
    })
    afterAll(async () => {
      await services?.[Symbol.asyncDispose]()
      await second?.[Symbol.asyncDispose]()
    })

    const merge = (by: Services, profile: string, vars: Record<string, EnvValue>, occasion: string) =>
      by.profiles.mergeEnvVars(origin, app, new ObjectId(idOf(profile)), vars, occasion)

    test('merge variables once for each occasion, also two at once, and amid other changes', async () => {
      const profile = await create({ env_vars: { KEPT: text('kept'), OLD: text('old') } })
      const vars = { OLD: text('new'), ADDED: text('added') }
      await Promise.all([
        ...Array.from({ length: 6 }, (_, n) => merge(n % 2 ? services : second, profile, vars, 'deployment 1')),
        ...Array.from({ length: 3 }, () => merge(second, profile, { SECOND: text('2') }, 'deployment 2')),
        ...Array.from({ length: 4 }, (_, n) => patch(profile, { base_url: `${n}` })),
      ])
      const after = await stored(profile)
      expect(after?.env_vars).toEqual({ KEPT: text('kept'), ...vars, SECOND: text('2') })
      expect(after?.revision).toBe(1 + 2 + 4)
      const rows = await revisions(profile)
      expect(rows.map(({ revision }) => revision)).toEqual([1, 2, 3, 4, 5, 6, 7])
      expect(
        rows
          .map(({ occasion }) => occasion)
          .filter(Boolean)
          .sort(),
      ).toEqual(['deployment 1', 'deployment 2'])
      expect(rows.filter(({ created_by }) => created_by === null)).toHaveLength(2)

      // What was changed since stays when the job is run again.
      await patch(profile, { env_vars: { ALL: text('else') } })
      await merge(services, profile, vars, 'deployment 1')
      expect((await stored(profile))?.env_vars).toEqual({ ALL: text('else') })
      await merge(services, profile, {}, 'deployment 3')
      expect(await revisions(profile)).toHaveLength(8)
      const told = await audits(profile, { actor_user_id: null })
      expect(told).toHaveLength(2)
      expect(told).toContainEqual(
        expect.objectContaining({
          action: 'updated',
          after: expect.objectContaining({ env_vars: expect.objectContaining({ ADDED: text('added') }) }),
          context: { request_id: 'job-1', ip: null, user_agent: null },
        }),
      )
    })

    test('merge into a profile of the app only', async () => {
      const profile = await create()
      const other = { ...app, _id: new ObjectId() }
      const elsewhere = services.profiles.mergeEnvVars(origin, other, new ObjectId(idOf(profile)), { A: text('') }, 'x')
      await expect(elsewhere).rejects.toThrow('not found')
      expect(await revisions(profile)).toHaveLength(1)
    })

    test('derive a profile with a key of its own, the same each time', async () => {
      const base = await create()
      const input = {
        baseId: new ObjectId(idOf(base)),
        kind: 'temp_workspace' as const,
        name: newName(),
        baseUrl: 'https://temp.example.test',
        envVars: { MAX: text('overridden'), NEW: text('new') },
      }
      const made = await Promise.all(
        Array.from({ length: 6 }, (_, n) => (n % 2 ? services : second).profiles.derive(origin, app, input)),
      )
      expect(new Set(made.map(({ _id }) => _id.toHexString())).size).toBe(1)
      const id = made[0]?._id.toHexString() ?? ''
      const profile = `${url()}/${id}`
      expect((await world.admin.get(profile)).body.data).toMatchObject({
        kind: 'temp_workspace',
        name: input.name,
        base_url: input.baseUrl,
        base_profile_id: idOf(base),
        env_vars: { ...GIVEN.env_vars, ...input.envVars },
        secrets: { API_KEY: 'dev-***-key', PIN: '****' },
        revision: 1,
      })
      expect((await reveal(profile, 'API_KEY')).body.data.value).toBe('dev-secret-key')
      const [own, bases] = [await stored(profile), await stored(base)]
      expect(own?.secrets_key.wrapped).not.toBe(bases?.secrets_key.wrapped)
      expect(own?.secrets_encrypted.API_KEY).not.toBe(bases?.secrets_encrypted.API_KEY)
      expect(await revisions(profile)).toMatchObject([{ revision: 1, created_by: null }])
      expect(await audits(profile, { action: 'created' })).toMatchObject([{ actor_user_id: null }])

      // An environment would lose it with the temporary one.
      const environments = (await world.admin.get(`${world.app}/environments`)).body.data
      const linked = environments.map((row: object) => ({ ...row, runtime_profile_id: id }))
      expect((await world.admin.send('PATCH', `${world.app}/environments`, { environments: linked })).status).toBe(400)

      await services.profiles.discard(app._id, new ObjectId(id))
      await services.profiles.discard(app._id, new ObjectId(id))
      expect(await stored(profile)).toBe(null)
      expect(await revisions(profile)).toEqual([])
    })

    test('derive one from nothing, and none under a name that is taken', async () => {
      const input = { baseId: null, kind: 'temp_changeset' as const, baseUrl: 'https://x', envVars: { A: text('a') } }
      const profile = await services.profiles.derive(origin, app, { ...input, name: newName() })
      expect((await world.admin.get(`${url()}/${profile._id}`)).body.data).toMatchObject({
        env_vars: { A: text('a') },
        secrets: {},
      })
      const taken = await create({ kind: 'temp_changeset' })
      const name = (await stored(taken))?.name
      await expect(services.profiles.derive(origin, app, { ...input, name })).rejects.toThrow('conflict')
      const unknown = { ...input, name: newName(), baseId: new ObjectId() }
      await expect(services.profiles.derive(origin, app, unknown)).rejects.toThrow('not found')
    })

    test('remove no other profile than a temporary one', async () => {
      const profile = await create()
      await expect(services.profiles.discard(app._id, new ObjectId(idOf(profile)))).rejects.toThrow('conflict')
      await services.profiles.discard(new ObjectId(), new ObjectId(idOf(profile)))
      expect(await stored(profile)).not.toBe(null)
      expect(await revisions(profile)).toHaveLength(1)
    })
  })

  test('an app has a bounded number of them', async () => {
    const app = await world.anotherApp()
    const { _id: _, ...row } = (await stored(await create())) ?? {}
    const rows = Array.from({ length: 200 }, (_, n) => ({ ...row, app_id: new ObjectId(idOf(app)), name: `p${n}` }))
    await profiles().insertMany(rows)
    const answer = await world.admin.send('POST', `${app}/runtime-profiles`, { name: newName(), ...GIVEN })
    expect([answer.status, answer.body.error.code]).toEqual([400, 'validation_error'])
  })
})
