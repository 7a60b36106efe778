/** Master keys: rotated on running servers, one after the other, until the old one is gone. And secrets: nowhere in clear. */
import { createHash, randomBytes } from 'node:crypto'
import { gcmsiv } from '@noble/ciphers/aes.js'
import { BSON, ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AppDocument, RuntimeProfileDocument, RuntimeProfileRevisionDocument } from '../mongo/documents.ts'
import { type Answer, type Client, type ServerProcess, startServer } from '../test/server-process.ts'
import { openServices } from '../test/services.ts'
import { createWorld, HAS_PARTS, idOf, type World } from '../test/world.ts'

const NEW = 'the next master key of the tests'

const FIELDS = {
  kind: 'persistent_env',
  base_url: 'https://x.example.test',
  database_engine: 'mongodb',
  connection_ref: 'r',
  provisioning_mode: 'managed',
}

/** A profile as it is stored, and its revisions in their order. */
type Everything = [RuntimeProfileDocument, RuntimeProfileRevisionDocument[]]

describe.skipIf(!HAS_PARTS)('master keys', () => {
  let world: World
  let old: string
  /** Three servers on one database: the first knows the old key, the second both, the third the new one. */
  let both: ServerProcess
  let next: ServerProcess
  let on: Record<'old' | 'both' | 'next', Client>
  let count = 0

  beforeAll(async () => {
    // What commands are given becomes part of what a job shows.
    const shown = { CONMAN_DEPLOY_RELEASE_CMD: 'printenv', CONMAN_RUNTIME_PROFILE_DRIFT_CHECK_CMD: 'printenv' }
    world = await createWorld({
      env: { ...shown, CONMAN_LOG_LEVEL: 'trace', CONMAN_TEMP_ENV_PROVISION_CMD: 'printenv' },
    })
    old = world.env.CONMAN_SECRETS_MASTER_KEY ?? ''
    const renewed = { ...world.env, CONMAN_SECRETS_MASTER_KEY: NEW }
    both = await startServer(['--role', 'api'], { ...renewed, CONMAN_SECRETS_MASTER_KEY_PREVIOUS: old })
    next = await startServer(['--role', 'api'], renewed)
    const { token } = world.admin
    on = { old: world.admin, both: both.client(token), next: next.client(token) }
  })
  afterAll(async () => {
    await both?.[Symbol.asyncDispose]()
    await next?.[Symbol.asyncDispose]()
    await world?.[Symbol.asyncDispose]()
  })

  const profiles = () => world.db.collection('runtime_profiles')
  const revisions = () => world.db.collection('runtime_profile_revisions')
  const url = () => `${world.app}/runtime-profiles`
  const everything = async (profile: string): Promise<Everything> => {
    const _id = new ObjectId(idOf(profile))
    const document = await profiles().findOne({ _id })
    const rows = await revisions().find({ profile_id: _id }).sort({ revision: 1 }).toArray()
    return [document, rows] as unknown as Everything
  }
  const keyIds = async (profile: string) => {
    const [document, rows] = await everything(profile)
    return [document, ...rows.map(({ snapshot }) => snapshot)].map(({ secrets_key }) => secrets_key?.key_id)
  }
  const reveal = async (client: Client, profile: string, key: string) => {
    const answer = await client.send('POST', `${profile}/secrets/${key}/reveal`)
    return answer.status === 200 ? answer.body.data.value : answer.status
  }
  const rotate = (client: Client, profile: string) => client.send('POST', `${profile}/rotate-key`, {})

  async function create(secrets: object, client = on.old): Promise<string> {
    const answer = await client.send('POST', url(), { name: `p${++count}`, ...FIELDS, secrets })
    expect(answer.status).toBe(201)
    return `${url()}/${answer.body.data.id}`
  }

  /** As Conman itself stores a profile: encrypted by the master key, without a data key. */
  async function createByConman(secrets: Record<string, string>): Promise<string> {
    const _id = new ObjectId()
    const key = createHash('sha256').update(old).digest()
    const sealed = Object.entries(secrets).map(([name, secret]) => {
      const nonce = randomBytes(12)
      return [name, Buffer.concat([nonce, gcmsiv(key, nonce).encrypt(Buffer.from(secret))]).toString('base64')]
    })
    const now = new Date()
    const profile = {
      _id,
      app_id: new ObjectId(world.appId),
      name: `p${++count}`,
      ...FIELDS,
      env_vars: {},
      secrets_encrypted: Object.fromEntries(sealed),
      base_profile_id: null,
      migration_paths: [],
      migration_command: null,
      revision: 1,
      created_at: now,
      updated_at: now,
    }
    await profiles().insertOne(profile)
    await revisions().insertOne({
      profile_id: _id,
      app_id: profile.app_id,
      revision: 1,
      snapshot: profile,
      created_at: now,
    })
    return `${url()}/${_id.toHexString()}`
  }

  test('are rotated profile by profile, and then the old one may go', async () => {
    const profile = await create({ A: 'first value of A', B: 'value of B' })
    await on.old.send('PATCH', profile, { secrets: { A: 'second value of A' } })
    await on.old.send('PATCH', profile, { base_url: 'https://y.example.test' })
    const byConman = await createByConman({ C: 'value of C by Conman' })
    const left = await create({ D: 'value of D' })

    // The new server reads what there is, by the old key.
    const before = (await on.both.get(profile)).body.data
    expect(before).toEqual((await on.old.get(profile)).body.data)
    expect(await reveal(on.both, profile, 'A')).toBe('second value of A')
    expect(await reveal(on.both, byConman, 'C')).toBe('value of C by Conman')
    expect(await reveal(on.next, profile, 'A')).toBe(409)

    const [documentBefore] = await everything(profile)
    const [idBefore] = await keyIds(profile)
    const rotated = await rotate(on.both, profile)
    expect(rotated).toMatchObject({
      status: 200,
      body: { data: { profile_id: idOf(profile), secrets_rotated: 1, revisions_rotated: 3 } },
    })
    const { key_id } = rotated.body.data
    expect(key_id).not.toBe(idBefore)
    expect(await keyIds(profile)).toEqual([key_id, key_id, key_id, key_id])
    const [document, rows] = await everything(profile)
    expect(rows).toHaveLength(3)
    expect(document.secrets_encrypted.A).not.toBe(documentBefore.secrets_encrypted.A)
    expect({ ...document, secrets_encrypted: 0, secrets_key: 0, version: 0 }).toEqual({
      ...documentBefore,
      secrets_encrypted: 0,
      secrets_key: 0,
      version: 0,
    })
    expect(await rotate(on.both, byConman)).toMatchObject({
      status: 200,
      body: { data: { key_id, secrets_rotated: 1 } },
    })
    expect(await keyIds(byConman)).toEqual([key_id, key_id])

    // The old key is gone: everything that was rotated is there, in its history too.
    expect((await on.next.get(profile)).body.data).toEqual(before)
    expect(await reveal(on.next, profile, 'A')).toBe('second value of A')
    expect(await reveal(on.next, byConman, 'C')).toBe('value of C by Conman')
    expect((await on.next.send('POST', `${profile}/revert`, { revision: 1 })).status).toBe(200)
    expect(await reveal(on.next, profile, 'A')).toBe('first value of A')
    expect(await reveal(on.next, profile, 'B')).toBe('value of B')
    expect(await rotate(on.next, profile)).toMatchObject({ status: 200, body: { data: { revisions_rotated: 4 } } })
    expect(await reveal(on.next, profile, 'B')).toBe('value of B')

    // What was left out shows that it is there, holds up nothing else, and can be given anew.
    const list = (await on.next.get(url())).body.data as { id: string; secrets: object }[]
    expect(list.find(({ id }) => id === idOf(left))?.secrets).toEqual({ D: '****' })
    expect(list.length).toBeGreaterThanOrEqual(3)
    const stored = await everything(left)
    for (const [path, body] of [
      ['/secrets/D/reveal', undefined],
      ['/revert', { revision: 1 }],
      ['/rotate-key', {}],
    ] as const) {
      const answer = await on.next.send('POST', `${left}${path}`, body)
      expect([path, answer.status, answer.body.error.code]).toEqual([path, 409, 'conflict'])
    }
    expect((await rotate(on.next, left)).body.error.message).toContain('D')
    expect(await everything(left)).toEqual(stored)
    expect((await on.next.send('PATCH', left, { base_url: 'https://z.example.test' })).body.data.secrets).toEqual({
      D: '****',
    })
    expect(await reveal(on.old, left, 'D')).toBe('value of D')
    expect((await on.next.send('PATCH', left, { secrets: { D: 'given anew' } })).status).toBe(200)
    expect(await reveal(on.next, left, 'D')).toBe('given anew')
    // Its history has the old key still, so a rotation without that key refuses and changes nothing.
    const again = await everything(left)
    expect((await rotate(on.next, left)).status).toBe(409)
    expect(await everything(left)).toEqual(again)
    expect((await rotate(on.both, left)).status).toBe(200)
    expect((await on.next.send('POST', `${left}/revert`, { revision: 1 })).status).toBe(200)
    expect(await reveal(on.next, left, 'D')).toBe('value of D')
  })

  test('writes take the present key', async () => {
    const profile = await create({ A: 'written by the old' })
    const [oldId] = await keyIds(profile)
    await on.both.send('PATCH', profile, { secrets: { A: 'written by the new' } })
    await on.both.send('PATCH', profile, { secrets: { A: 'written by the new once more' } })
    const [newId, ...rows] = await keyIds(profile)
    expect(newId).not.toBe(oldId)
    expect(rows).toEqual([oldId, newId, newId])
    await on.both.send('POST', `${profile}/revert`, { revision: 1 })
    expect(await keyIds(profile)).toEqual([newId, oldId, newId, newId, newId])
    expect(await reveal(on.next, profile, 'A')).toBe('written by the old')
  })

  test('a rotation is recorded and mailed to nobody', async () => {
    const profile = await create({ A: 'value of A' })
    await world.person('config_manager')
    expect((await rotate(on.both, profile)).status).toBe(200)
    const rows = () =>
      world.db
        .collection('audit_events')
        .find({ entity_id: idOf(profile), action: 'key_rotated' })
        .toArray()
    await expect
      .poll(rows)
      .toMatchObject([{ entity_type: 'runtime_profile', after: { secrets_rotated: 1, revisions_rotated: 1 } }])
    const mails = { event_type: 'runtime_profile_changed', body: { $regex: idOf(profile) } }
    expect(await world.db.collection('notification_events').countDocuments(mails)).toBe(0)
    expect((await on.both.get(profile)).body.data.revision).toBe(1)
  })

  test('a long history is rotated whole', async () => {
    const profile = await create({ A: 'value of A' })
    const [, [first]] = await everything(profile)
    const more = Array.from({ length: 129 }, (_, n) => ({ ...first, _id: new ObjectId(), revision: n + 2 }))
    await revisions().insertMany(more)
    await profiles().updateOne({ _id: new ObjectId(idOf(profile)) }, { $set: { revision: 130 } })
    expect((await rotate(on.both, profile)).body.data.revisions_rotated).toBe(130)
    expect(new Set(await keyIds(profile)).size).toBe(1)
    expect((await on.next.send('POST', `${profile}/revert`, { revision: 77 })).status).toBe(200)
  })

  test('a rotation amid changes on two servers leaves every secret readable', async () => {
    const profile = await create({ A: 'value 0' })
    const work = Array.from({ length: 24 }, (_, n) => {
      const client = n % 2 ? on.both : on.old
      if (n % 4 === 0) return rotate(client, profile)
      if (n % 4 === 1) return client.send('POST', `${profile}/revert`, { revision: 1 })
      return client.send('PATCH', profile, { secrets: { A: `value ${n}` } })
    })
    // The server with the old key alone cannot read what the other has written: it refuses, and spoils nothing.
    const statuses = (await Promise.all(work)).map(({ status }) => status)
    expect(statuses.every((status) => status === 200 || status === 409)).toBe(true)
    expect((await rotate(on.both, profile)).status).toBe(200)
    const { revision } = (await on.next.get(profile)).body.data
    expect(await reveal(on.next, profile, 'A')).toMatch(/^value \d+$/)
    const rows = (await on.next.get(`${profile}/revisions?limit=100`)).body.data
    expect(rows.map((row: { revision: number }) => row.revision)).toEqual(
      Array.from({ length: revision }, (_, n) => revision - n),
    )
    for (const row of rows) expect(row.snapshot.secrets.A).not.toBe('****')
  })

  test('a change between the reading and the writing of a rotation wins', async () => {
    const profile = await create({ A: 'value of A' })
    await using services = await openServices(world.env)
    const app = (await services.store.data.apps.findOne({ _id: new ObjectId(world.appId) })) as AppDocument
    const { current } = services.profiles
    services.profiles.current = async (...given) => {
      const read = await current.apply(services.profiles, given)
      await on.old.send('PATCH', profile, { secrets: { A: 'meanwhile' } })
      return read
    }
    const caller = { user: { id: new ObjectId(world.admin.id), email: '', name: '' }, role: 'app_admin' as const }
    const origin = { requestId: 'x', ip: null, userAgent: null, gitUntilMs: 0 }
    const rotated = services.profiles.rotateKey({ ...caller, ...origin }, app, new ObjectId(idOf(profile)))
    await expect(rotated).rejects.toMatchObject({ code: 'conflict' })
    const [document, rows] = await everything(profile)
    // None of the revisions has been rotated: all have the key that the change, too, was written with.
    const keys = [document, ...rows.map(({ snapshot }) => snapshot)].map(({ secrets_key }) => secrets_key?.wrapped)
    expect(new Set(keys).size).toBe(1)
    expect(await reveal(on.old, profile, 'A')).toBe('meanwhile')
  })

  test('a secret is nowhere in clear: not in the database, not in an answer, not in a log', async () => {
    const canary = (name: string) => `~canary ${name}/+&é ${randomBytes(12).toString('base64')}~`
    const canaries = ['create', 'patch', 'again', 'refused', 'conman', 'admin of another app'].map(canary)
    const [created = '', patched = '', again = '', refused = '', conman = '', foreign = ''] = canaries
    const answers: Answer[] = []
    const asked =
      (client: Client) =>
      async (method: string, path: string, body?: unknown): Promise<Answer> => {
        const answer = await client.send(method, path, body, { 'user-agent': 'canary test' })
        answers.push(answer)
        return answer
      }
    const ask = asked(on.old)
    const asUser = asked(await world.person('user'))
    const elsewhere = `${await world.anotherApp()}/runtime-profiles`

    const name = `p${++count}`
    const made = await ask('POST', url(), { name, ...FIELDS, secrets: { CANARY: created } })
    const profile = `${url()}/${made.body.data.id}`
    const own = await createByConman({ CANARY: conman })
    await ask('PATCH', profile, { secrets: { CANARY: patched } })
    await ask('PATCH', profile, { secrets: { CANARY: again, OTHER: patched } })
    await ask('PATCH', profile, { base_url: 'https://z.example.test' })
    await ask('PATCH', own, { base_url: 'https://z.example.test' })
    await ask('POST', `${profile}/revert`, { revision: 2 })
    for (const path of [profile, own]) {
      await ask('POST', `${path}/rotate-key`, {})
      await asked(on.both)('POST', `${path}/rotate-key`, {})
      await asked(on.next)('POST', `${path}/secrets/CANARY/reveal`.replace('CANARY', 'NONE'))
      for (const client of [on.old, on.both, on.next]) {
        for (const read of ['', '/revisions']) answers.push(await client.get(`${path}${read}`))
      }
    }
    answers.push(await on.old.get(url()), await on.next.get(url()), await on.old.get(`${world.app}/audit?limit=100`))
    await ask('POST', elsewhere, { name: 'x', ...FIELDS, secrets: { CANARY: foreign } })

    const bad = { name: 'bad', ...FIELDS, secrets: { CANARY: refused } }
    for (const body of [
      { ...bad, name },
      { ...bad, secrets: { [refused]: refused } },
      { ...bad, secrets: { CANARY: [refused] } },
      { ...bad, secrets: refused },
      { ...bad, kind: refused },
      { ...bad, env_vars: { A: { type: refused, value: refused } } },
      { ...bad, base_profile_id: refused },
      { ...bad, secrets: { CANARY: `${refused}\ud800` } },
      { ...bad, secrets: { CANARY: refused.repeat(10_000) } },
      `${JSON.stringify(bad)}}`,
      `{"secrets":{"CANARY":"${refused}","__proto__":{}}}`,
    ]) {
      expect((await ask('POST', url(), body)).status).toBeGreaterThanOrEqual(400)
      expect((await ask('PATCH', `${elsewhere}/${idOf(profile)}`, body)).status).toBeGreaterThanOrEqual(400)
      expect((await asUser('POST', url(), body)).status).toBe(403)
      expect((await asked(world.anonymous)('POST', url(), body)).status).toBe(401)
    }
    await using services = await openServices(world.env)
    const app = (await services.store.data.apps.findOne({ _id: new ObjectId(world.appId) })) as AppDocument
    const origin = { requestId: 'job-canary', ip: null, userAgent: null, gitUntilMs: 0 }
    const base = new ObjectId(idOf(await create({ CANARY: created })))
    const derived = { baseId: base, kind: 'temp_workspace' as const, name: `p${++count}`, baseUrl: 'x', envVars: {} }
    await services.profiles.derive(origin, app, derived)
    await services.profiles.mergeEnvVars(origin, app, base, { A: { type: 'string', value: 'a' } }, 'canary')

    // Workers use the profile: for a temporary environment, and for a deployment with its checks.
    const author = await world.person('user')
    const workspace = await world.workspace(author)
    const begun = { kind: 'workspace', source_id: idOf(workspace), base_profile_id: idOf(profile) }
    const temporary = await ask('POST', `${world.app}/temp-envs`, begun)
    await world.job(temporary.body.data.job.id)
    const linked = (await on.old.get(`${world.app}/environments`)).body.data.map((row: object, at: number) => ({
      ...row,
      ...(at === 0 && { runtime_profile_id: idOf(profile) }),
    }))
    const environments = (await ask('PATCH', `${world.app}/environments`, { environments: linked })).body.data
    const changeset_ids = [idOf(await world.changeset(author, 'queued'))]
    const release = (await ask('POST', `${world.app}/releases`, { changeset_ids })).body.data.id
    await world.job((await ask('POST', `${world.app}/releases/${release}/assemble`)).body.data.job.id)
    await ask('POST', `${world.app}/releases/${release}/publish`)
    const deploy = () => ask('POST', `${world.app}/environments/${environments[0].id}/deploy`, { release_id: release })
    await expect.poll(async () => (await deploy()).status, { timeout: 30_000, interval: 200 }).toBe(201)
    const deployed = { job_type: 'deploy_release', state: 'succeeded', 'result.status': 'deployed' }
    await expect.poll(() => world.db.collection('jobs').countDocuments(deployed), { timeout: 30_000 }).toBe(1)
    answers.push(await on.old.get(`${world.app}/jobs?limit=100`), await on.old.get(`${world.app}/temp-envs`))

    const revealed = [
      await on.both.send('POST', `${profile}/secrets/CANARY/reveal`),
      await on.both.send('POST', `${own}/secrets/CANARY/reveal`),
    ]
    expect(revealed.map(({ body }) => body.data.value)).toEqual([patched, conman])
    expect(revealed[0]?.headers.get('cache-control')).toBe('no-store')

    const logs = () => JSON.stringify([world.server.logs, both.logs, next.logs])
    await expect.poll(logs).toContain('/api/apps/:appId/runtime-profiles/:profileId/secrets/:key/reveal')
    const everywhere: Record<string, string> = { logs: logs(), answers: answers.map(inFull).join('\n') }
    for (const { name } of await world.db.listCollections({}, { nameOnly: true }).toArray()) {
      const documents = await world.db.collection(name).find({}, { raw: true }).toArray()
      everywhere[name] = documents.map((raw) => (raw as unknown as Buffer).toString('latin1')).join('\n')
    }
    expect(Object.keys(everywhere)).toContain('runtime_profile_revisions')
    // What is looked for would be found: in what a reveal answers, and in a document that held it.
    expect(found(inFull(revealed[0] as Answer), patched)).not.toEqual([])
    const held = Buffer.from(BSON.serialize({ a: patched })).toString('latin1')
    expect(found(held, patched)).not.toEqual([])
    for (const [place, text] of Object.entries(everywhere)) {
      for (const secret of [...canaries, old, NEW]) {
        expect([place, secret, found(text, secret)]).toEqual([place, secret, []])
      }
    }
    expect(everywhere.jobs).toContain('CONMAN_JOB_ID')
  })
})

function inFull({ status, headers, body }: Answer): string {
  return JSON.stringify([status, [...headers], body])
}

/** The forms of a secret that a text has. Text that was read byte by byte has it byte by byte. */
function found(text: string, secret: string): string[] {
  const bytes = Buffer.from(secret)
  const forms: Record<string, string> = {
    clear: secret,
    bytes: bytes.toString('latin1'),
    json: JSON.stringify(secret).slice(1, -1),
    hex: bytes.toString('hex'),
    url: encodeURIComponent(secret),
    form: new URLSearchParams({ a: secret }).toString().slice(2),
  }
  for (const shift of [0, 1, 2]) {
    // Somewhere inside a longer text, base64 begins at one of three places.
    const core = Buffer.concat([Buffer.alloc(shift), bytes]).subarray(0, -3)
    forms[`base64, ${shift}`] = core.toString('base64').slice(4, -4)
    forms[`base64url, ${shift}`] = core.toString('base64url').slice(4, -4)
  }
  const lower = text.toLowerCase()
  return Object.entries(forms)
    .filter(([, form]) => lower.includes(form.toLowerCase()))
    .map(([name]) => name)
}
