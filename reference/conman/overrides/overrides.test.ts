/** Overrides over the whole server: what may be one, who may change the set, and what a submission freezes of it. */
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHANGESET_STATES } from '../mongo/documents.ts'
import { createWorld, HAS_PARTS, idOf, type Person, type World } from '../test/world.ts'

interface Row {
  key: string
  value: unknown
  target_profile_id: string | null
}

describe.skipIf(!HAS_PARTS)('overrides', () => {
  let world: World
  let author: Person
  let profile: string
  let otherProfile: string
  let theirs: string

  beforeAll(async () => {
    world = await createWorld()
    author = await world.person('user')
    const other = new ObjectId(idOf(await world.anotherApp()))
    profile = await insertProfile(new ObjectId(world.appId), 'P')
    otherProfile = await insertProfile(new ObjectId(world.appId), 'Q')
    theirs = await insertProfile(other, 'P')
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  async function insertProfile(app_id: ObjectId, name: string): Promise<string> {
    const now = new Date()
    const { insertedId } = await world.db.collection('runtime_profiles').insertOne({
      app_id,
      name,
      kind: 'persistent_env',
      base_url: 'https://x.example.test',
      env_vars: {},
      secrets_encrypted: {},
      database_engine: 'mongodb',
      connection_ref: 'r',
      provisioning_mode: 'managed',
      base_profile_id: null,
      migration_paths: [],
      migration_command: null,
      revision: 1,
      created_at: now,
      updated_at: now,
    })
    return insertedId.toHexString()
  }

  const put = (url: string, profile_overrides: unknown, who: Person = author) =>
    who.send('PUT', `${url}/profile-overrides`, { profile_overrides })
  const submit = (url: string, body: object = {}) => author.send('POST', `${url}/submit`, body)
  const plain = (rows: Row[]) => rows.map(({ key, value, target_profile_id }) => ({ key, value, target_profile_id }))
  const stored = async (url: string) => {
    const rows = world.db.collection('changeset_profile_overrides').find({ changeset_id: new ObjectId(idOf(url)) })
    return (await rows.sort({ created_at: 1, _id: 1 }).toArray()).map(({ key, value, target_profile_id }) => ({
      key: String(key),
      value,
      target_profile_id: target_profile_id?.toHexString() ?? null,
    }))
  }
  const frozen = async (url: string, revision: number) => {
    const query = { changeset_id: new ObjectId(idOf(url)), revision }
    const found = await world.db.collection('changeset_revisions').findOne(query)
    const rows = (found?.profile_overrides ?? []) as { target_profile_id: ObjectId | null }[]
    return rows.map((row) => ({ ...row, target_profile_id: row.target_profile_id?.toHexString() ?? null }))
  }
  const override = (key: string, value: unknown = 'x', target_profile_id: string | null = null) => ({
    key,
    value: { type: 'string', value },
    target_profile_id,
  })

  /** Of every type, with and without a target. */
  const all = () => [
    { key: 'TEXT', value: { type: 'string', value: ' Grüße \n' }, target_profile_id: null },
    { key: 'NUMBER', value: { type: 'number', value: -1.5e3 }, target_profile_id: null },
    { key: 'flag_1', value: { type: 'boolean', value: false }, target_profile_id: null },
    {
      key: '0',
      value: { type: 'json', value: { $set: { 'a.b': [null, true, { $where: '1' }] } } },
      target_profile_id: null,
    },
    { key: 'NULL', value: { type: 'json', value: null }, target_profile_id: null },
    { key: 'TEXT', value: { type: 'string', value: '' }, target_profile_id: profile },
    { key: 'TEXT', value: { type: 'string', value: 'q' }, target_profile_id: otherProfile },
  ]

  test('are set as a whole, in their order, and shown with the changeset', async () => {
    const url = await world.changeset(author, 'draft')
    const answer = await put(url, all())
    expect(answer.status).toBe(200)
    expect(plain(answer.body.data)).toEqual(all())
    expect(answer.body.data[0]).toMatchObject({ app_id: world.appId, changeset_id: idOf(url) })
    expect(await stored(url)).toEqual(all())
    expect((await author.get(`${url}/profile-overrides`)).body.data).toEqual(answer.body.data)
    expect((await author.get(url)).body.data.profile_overrides).toEqual(answer.body.data)
    const next = [override('ONLY', 'y', profile)]
    expect(plain((await put(url, next)).body.data)).toEqual(next)
    expect(await stored(url)).toEqual(next)
    expect((await put(url, [])).body.data).toEqual([])
    expect(await stored(url)).toEqual([])
    const rows = await world.db
      .collection('audit_events')
      .find({ entity_id: idOf(url), action: 'profile_overrides_updated' })
      .sort({ occurred_at: 1 })
      .toArray()
    expect(rows.map(({ before, after }) => [before, after].map((one) => one.profile_overrides.length))).toEqual([
      [0, 7],
      [7, 1],
      [1, 0],
    ])
    expect(rows[1]).toMatchObject({
      entity_type: 'changeset',
      actor_user_id: new ObjectId(author.id),
      after: { profile_overrides: [{ key: 'ONLY', target_profile_id: new ObjectId(profile) }] },
    })
  })

  test('nothing that came along is stored or shown', async () => {
    const url = await world.changeset(author, 'draft')
    const given = { ...override('A'), id: 'x', secret: 's', value: { type: 'string', value: 'x', hidden: 1 } }
    expect(plain((await put(url, [given])).body.data)).toEqual([override('A')])
    expect(await stored(url)).toEqual([override('A')])
  })

  const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
  const raw = (value: string) => `{"profile_overrides":[{"key":"A","value":${value}}]}`

  const WRONG: [string, () => unknown][] = [
    ['an empty key', () => [override('')]],
    ['a key with a dot', () => [override('a.b')]],
    ['a key with a dollar', () => [override('$a')]],
    ['a key with a line break', () => [override('A\n')]],
    ['a key of other letters', () => [override('É')]],
    ['a key that is too long', () => [override('A'.repeat(257))]],
    ['a key as an operator', () => [{ ...override('A'), key: { $gt: '' } }]],
    ['no key', () => [{ value: { type: 'string', value: 'x' } }]],
    ['no value', () => [{ key: 'A' }]],
    ['a value without a type', () => [{ key: 'A', value: 'x' }]],
    ['a type without a value', () => [{ key: 'A', value: { type: 'json' } }]],
    ['an unknown type', () => [{ key: 'A', value: { type: 'secret', value: 'x' } }]],
    ['a text as a number', () => [{ key: 'A', value: { type: 'number', value: 'x' } }]],
    ['a number as a text', () => [{ key: 'A', value: { type: 'string', value: 1 } }]],
    ['a text as a boolean', () => [{ key: 'A', value: { type: 'boolean', value: 'true' } }]],
    ['null as a number', () => [{ key: 'A', value: { type: 'number', value: null } }]],
    ['the same key twice', () => [override('A'), override('A', 'y')]],
    ['the same key twice for a target', () => [override('A', 'x', profile), override('A', 'x', profile.toUpperCase())]],
    ['a malformed target', () => [override('A', 'x', 'zz')]],
    ['an empty target', () => [override('A', 'x', '')]],
    ['a target as an operator', () => [{ ...override('A'), target_profile_id: { $ne: null } }]],
    ['201 of them', () => Array.from({ length: 201 }, (_, n) => override(`A_${n}`))],
    ['no list', () => override('A')],
    ['null', () => null],
    ['more than a mebibyte', () => [override('A', 'x'.repeat((1 << 20) + 1))]],
    ['a number beyond all', () => raw('{"type":"number","value":1e999}')],
    ['a number that is none', () => raw('{"type":"number","value":NaN}')],
    ['json that is too deep', () => raw(`{"type":"json","value":${nested(65)}}`)],
    ['json without an end', () => raw(`{"type":"json","value":${nested(100_000)}}`)],
    ['json of a database type', () => raw('{"type":"json","value":{"_bsontype":"ObjectId"}}')],
    ['json with a prototype', () => raw('{"type":"json","value":{"__proto__":{"a":1}}}')],
  ]

  test.each(WRONG)('%s is refused, and the set stays', async (_what, wrong) => {
    const url = await world.changeset(author, 'draft')
    await put(url, [override('KEPT')])
    const given = wrong()
    const body = typeof given === 'string' ? given : { profile_overrides: given }
    const answer = await author.send('PUT', `${url}/profile-overrides`, body)
    expect([answer.status, answer.body.error.code]).toEqual([400, 'validation_error'])
    expect(await stored(url)).toEqual([override('KEPT')])
    // In a submission null keeps the set, as every null there does; the rest is refused alike, before anything moves.
    if (given === null) return
    const submitted = await author.send('POST', `${url}/submit`, body)
    expect([submitted.status, submitted.body.error.code]).toEqual([400, 'validation_error'])
    expect(await stored(url)).toEqual([override('KEPT')])
    expect((await author.get(url)).body.data.changeset).toMatchObject({ state: 'draft', revision: 0 })
  })

  test('as many and as deep as allowed are stored as they are', async () => {
    const url = await world.changeset(author, 'draft')
    const set = Array.from({ length: 200 }, (_, n) => override(`A_${n}`, 'x'.repeat(5_000), n % 2 ? profile : null))
    expect((await put(url, set)).status).toBe(200)
    expect(await stored(url)).toEqual(set)
    expect((await submit(url)).status).toBe(200)
    expect(await frozen(url, 1)).toEqual(set)
    const deep = await world.changeset(author, 'draft')
    const answer = await author.send('PUT', `${deep}/profile-overrides`, raw(`{"type":"json","value":${nested(60)}}`))
    expect(answer.status).toBe(200)
    expect(JSON.stringify(answer.body.data[0].value.value)).toBe(nested(60))
    expect((await submit(deep)).status).toBe(200)
    // Numbers take several times as much in the database as in JSON, and all of them are in one revision.
    const numbers = await world.changeset(author, 'draft')
    const many = { type: 'json', value: Array.from({ length: 520_000 }, () => 1) }
    expect((await put(numbers, [{ key: 'A', value: many }])).status).toBe(200)
    expect((await submit(numbers)).status).toBe(200)
  })

  test('a target that is unknown or of another app is not found', async () => {
    const url = await world.changeset(author, 'draft')
    for (const target of ['f'.repeat(24), theirs]) {
      for (const answer of [
        await put(url, [override('A'), override('B', 'x', target)]),
        await submit(url, { profile_overrides: [override('B', 'x', target)] }),
      ]) {
        expect([answer.status, answer.body.error.code]).toEqual([404, 'not_found'])
      }
    }
    expect(await stored(url)).toEqual([])
    expect((await author.get(url)).body.data.changeset.state).toBe('draft')
    expect(await world.db.collection('jobs').countDocuments({ entity_id: idOf(url) })).toBe(0)
  })

  test('only the author changes them, and only in a draft; every member sees them', async () => {
    const url = await world.changeset(author, 'draft')
    await put(url, [override('A')])
    const outsider = await world.person('outsider')
    for (const who of [await world.another('user'), await world.person('config_manager'), world.admin, outsider]) {
      expect((await put(url, [], who)).status).toBe(403)
    }
    expect((await world.anonymous.send('PUT', `${url}/profile-overrides`, { profile_overrides: [] })).status).toBe(401)
    expect((await outsider.get(`${url}/profile-overrides`)).status).toBe(403)
    const seen = async (who: Person) => plain((await who.get(`${url}/profile-overrides`)).body.data)
    for (const who of [await world.another('user'), world.admin])
      await expect.poll(() => seen(who)).toEqual([override('A')])
    const elsewhere = url.replace(world.app, await world.anotherApp())
    expect((await world.admin.get(`${elsewhere}/profile-overrides`)).status).toBe(404)
    expect((await put(elsewhere, [], world.admin)).status).toBe(404)
    expect((await author.get(`${world.app}/changesets/zz/profile-overrides`)).status).toBe(400)
    for (const state of CHANGESET_STATES.filter((one) => one !== 'draft')) {
      await world.db.collection('changesets').updateOne({ _id: new ObjectId(idOf(url)) }, { $set: { state } })
      const answer = await put(url, [])
      expect([state, answer.status, answer.body.error.code]).toEqual([state, 409, 'invalid_transition'])
    }
    expect(await stored(url)).toEqual([override('A')])
  })

  test('at the same time one set wins whole', async () => {
    const url = await world.changeset(author, 'draft')
    const sets = Array.from({ length: 12 }, (_, n) => Array.from({ length: 5 }, (_, at) => override(`K_${at}`, `${n}`)))
    const answers = await Promise.all(sets.map((set) => put(url, set)))
    for (const { status } of answers) expect([200, 409]).toContain(status)
    const won = sets.filter((_, n) => answers[n]?.status === 200)
    expect(won.length).toBeGreaterThan(0)
    expect(won).toContainEqual(await stored(url))
  })

  test('a submission takes them in place of the present ones, keeps these without, and freezes the set', async () => {
    const url = await world.changeset(author, 'draft')
    await put(url, [override('DRAFT', 'd', profile)])
    const kept = await submit(url)
    expect(plain(kept.body.data.included_profile_overrides)).toEqual([override('DRAFT', 'd', profile)])
    expect(await frozen(url, 1)).toEqual([override('DRAFT', 'd', profile)])

    const { workspace_id } = (await author.get(url)).body.data.changeset
    const resubmit = async (body: object) => {
      await world.edit(author, `${world.app}/workspaces/${workspace_id}`, 'again.txt', JSON.stringify(body))
      return author.send('POST', `${url}/resubmit`, body)
    }
    const replaced = await resubmit({ profile_overrides: all() })
    expect(plain(replaced.body.data.included_profile_overrides)).toEqual(all())
    expect(await stored(url)).toEqual(all())
    expect(await frozen(url, 2)).toEqual(all())
    expect((await resubmit({ profile_overrides: null })).body.data.included_profile_overrides).toHaveLength(7)
    expect(await frozen(url, 3)).toEqual(all())
    expect((await resubmit({ profile_overrides: [] })).body.data.included_profile_overrides).toEqual([])
    expect(await stored(url)).toEqual([])
    // What was frozen stays as it was.
    expect(await frozen(url, 1)).toEqual([override('DRAFT', 'd', profile)])
    expect(await frozen(url, 2)).toEqual(all())
    expect(await frozen(url, 4)).toEqual([])
  })

  test('overrides alone are a change: they can be submitted, and released without a file', async () => {
    const workspace = await world.workspace(author)
    const begun = { workspace_id: idOf(workspace), title: 'Overrides alone' }
    const url = `${world.app}/changesets/${(await author.send('POST', `${world.app}/changesets`, begun)).body.data.id}`
    const none = await submit(url)
    expect([none.status, none.body.error.code]).toEqual([400, 'validation_error'])
    const first = await submit(url, { profile_overrides: [override('ALONE', '1', profile)] })
    expect(first.status).toBe(200)
    await world.job(first.body.data.job.id)
    // The same set again is nothing new, in whatever order its fields come; another one is.
    const resubmit = (body: object) => author.send('POST', `${url}/resubmit`, body)
    expect((await resubmit({})).status).toBe(400)
    expect((await resubmit({ profile_overrides: [override('ALONE', '1', profile)] })).status).toBe(400)
    const second = await resubmit({ profile_overrides: [override('ALONE', '2', profile)] })
    expect(second.status).toBe(200)
    await world.job(second.body.data.job.id)
    const [reviewer, manager] = [await world.person('reviewer'), await world.person('config_manager')]
    expect((await reviewer.send('POST', `${url}/review`, { action: 'approve' })).status).toBe(200)
    expect((await manager.send('POST', `${url}/queue`)).body.data.state).toBe('queued')
    const release = await manager.send('POST', `${world.app}/releases`, { changeset_ids: [idOf(url)] })
    const assembling = await manager.send('POST', `${world.app}/releases/${release.body.data.id}/assemble`)
    expect(await world.job(assembling.body.data.job.id)).toMatchObject({ state: 'succeeded' })
    const before = world.git('rev-parse', 'main^{tree}')
    expect((await manager.send('POST', `${world.app}/releases/${release.body.data.id}/publish`)).status).toBe(200)
    expect(world.git('rev-parse', 'main^{tree}')).toBe(before)
    expect((await author.get(url)).body.data.changeset.state).toBe('released')
  })
})
