/** Temporary environments over HTTP: what is made, who may change it, what each state allows. */
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TEMP_ENVIRONMENT_STATES, type TempEnvironmentDocument, type TempEnvironmentState } from '../mongo/documents.ts'
import type { Answer } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, idOf, type Person, until, type World } from '../test/world.ts'

const HOUR_MS = 3_600_000

describe.skipIf(!HAS_PARTS)('temporary environments', () => {
  let world: World
  let user: Person
  let manager: Person

  beforeAll(async () => {
    world = await createWorld()
    ;[user, manager] = await Promise.all([world.person('user'), world.person('config_manager')])
  })
  afterAll(async () => {
    for (const name of await databases()) await world.db.client.db(name).dropDatabase()
    await world?.[Symbol.asyncDispose]()
  })

  const rows = () => world.db.collection<TempEnvironmentDocument>('temp_environments')
  const row = async (url: string) => (await rows().findOne({ _id: new ObjectId(idOf(url)) })) as TempEnvironmentDocument
  const set = (url: string, fields: Partial<TempEnvironmentDocument>) =>
    rows().updateOne({ _id: new ObjectId(idOf(url)) }, { $set: fields })
  const fromNow = (ms: number) => new Date(Date.now() + ms)
  const ms = (text: string) => Date.parse(text)
  const audits = (url: string) =>
    world.db
      .collection('audit_events')
      .find({ entity_id: idOf(url) })
      .sort({ occurred_at: 1 })
      .toArray()
  const mailsOf = (event: string, title: string) =>
    world.mails().filter(({ event_type, subject }) => event_type === event && subject.endsWith(title))

  async function databases(): Promise<string[]> {
    const { databases } = await world.db.admin().listDatabases({ nameOnly: true })
    return databases.map(({ name }) => name).filter((name) => name.startsWith(`tmp_${world.appId}_`))
  }

  const ask = (who: Person, body: object): Promise<Answer> => who.send('POST', `${world.app}/temp-envs`, body)
  const urlOf = ({ body }: Answer) => `${world.app}/temp-envs/${body.data.temp_env.id}`

  /** An active environment of a new workspace; its URL. */
  async function active(who: Person, body: object = {}): Promise<string> {
    const workspace = await world.workspace(who)
    const answer = await ask(who, { kind: 'workspace', source_id: idOf(workspace), ...body })
    expect(answer.status).toBe(201)
    const url = urlOf(answer)
    await until(async () => (await row(url)).state === 'active', 'the environment is active')
    return url
  }

  /** Puts an environment into a state by hand, in which the sweep leaves it alone. */
  const put = (url: string, state: TempEnvironmentState) =>
    set(url, {
      state,
      expires_at: fromNow(20 * HOUR_MS),
      grace_expires_at: state === 'expiring' ? fromNow(HOUR_MS) : null,
      cleanup_requested_at: state === 'expired' ? new Date() : null,
      active: ['provisioning', 'active', 'expiring'].includes(state),
    })

  test('one of a workspace is made with a branch, a database and a profile of its own', async () => {
    const base = await world.admin.send('POST', `${world.app}/runtime-profiles`, {
      name: 'Base',
      kind: 'persistent_env',
      base_url: 'https://base.example.test',
      database_engine: 'mongodb',
      connection_ref: 'ref',
      provisioning_mode: 'managed',
      env_vars: { KEPT: { type: 'string', value: 'base' }, CHANGED: { type: 'number', value: 1 } },
      secrets: { API_KEY: 'a secret of the base' },
    })
    const workspace = await world.workspace(user)
    const head = await world.edit(user, workspace, 'config/temp.yaml', 'a: 1\n')
    const answer = await ask(user, {
      kind: 'workspace',
      source_id: idOf(workspace),
      base_profile_id: base.body.data.id,
      env_var_overrides: { CHANGED: { type: 'boolean', value: true } },
    })
    expect(answer.status).toBe(201)
    const { temp_env, job } = answer.body.data
    expect(temp_env).toMatchObject({
      kind: 'workspace',
      source_id: idOf(workspace),
      owner_user_id: user.id,
      state: 'provisioning',
      base_profile_id: base.body.data.id,
      runtime_profile_id: null,
      head_sha: head,
      idle_ttl_seconds: 86_400,
      grace_ttl_seconds: 3_600,
      grace_expires_at: null,
    })
    expect(ms(temp_env.expires_at) - ms(temp_env.created_at)).toBe(24 * HOUR_MS)
    const name = /^[0-9a-f]{8}-ws-([a-z]+-[a-z]+-[0-9a-f]{4})\.example\.test$/.exec(temp_env.url)?.[1]
    expect(temp_env.url.slice(0, 8)).toBe(world.appId.slice(0, 8))
    expect(temp_env.db_name).toBe(`tmp_${world.appId}_${name}`)
    expect(job).toMatchObject({
      job_type: 'temp_env_provision',
      entity_type: 'temp_environment',
      entity_id: temp_env.id,
      payload: { temp_env_id: temp_env.id, kind: 'workspace' },
      created_by: user.id,
    })

    const ended = await world.job(job.id)
    const result = { status: 'active', temp_env_id: temp_env.id, url: temp_env.url, state: 'active' }
    expect(ended).toMatchObject({ state: 'succeeded', result })
    const url = urlOf(answer)
    const made = await row(url)
    expect(made).toMatchObject({ state: 'active', active: true, grace_expires_at: null })
    expect(made.expires_at.getTime() - made.last_activity_at.getTime()).toBe(24 * HOUR_MS)
    const branch = (await world.admin.get(`${world.app}/temp-envs`)).body.data.find(
      ({ id }: { id: string }) => id === temp_env.id,
    ).branch_name
    expect(branch).toMatch(new RegExp(`^temp/${temp_env.id}/feature/`))
    expect(world.git('rev-parse', `refs/heads/${branch}`).trim()).toBe(head)
    expect(await databases()).toContain(temp_env.db_name)
    const init = await world.db.client.db(temp_env.db_name).collection('conman_environment').find().toArray()
    expect(init).toMatchObject([{ _id: 'init', temp_env_id: made._id, kind: 'workspace', head_sha: head }])
    const profile = await world.admin.get(`${world.app}/runtime-profiles/${made.runtime_profile_id}`)
    expect(profile.body.data).toMatchObject({
      kind: 'temp_workspace',
      name: `temp-${name}`,
      base_url: `https://${temp_env.url}`,
      base_profile_id: base.body.data.id,
      env_vars: { KEPT: { type: 'string', value: 'base' }, CHANGED: { type: 'boolean', value: true } },
      secrets: { API_KEY: expect.stringContaining('*') },
    })
    expect(await audits(url)).toMatchObject([
      { action: 'created', before: null, after: { state: 'provisioning' }, git_sha: head },
      {
        action: 'provisioned',
        actor_user_id: null,
        before: { state: 'provisioning' },
        after: { state: 'active' },
        context: { request_id: `job-${job.id}` },
      },
    ])
  })

  test('one of a changeset has its files of the moment, and no branch', async () => {
    const changeset = await world.changeset(user, 'submitted')
    const { head_sha, workspace_id } = (await user.get(changeset)).body.data.changeset
    await world.edit(user, `${world.app}/workspaces/${workspace_id}`, 'later.txt', 'later')
    const answer = await ask(world.admin, { changeset_id: idOf(changeset) })
    expect(answer.status).toBe(201)
    expect(answer.body.data.temp_env).toMatchObject({ kind: 'changeset', head_sha, branch_name: null })
    expect(answer.body.data.temp_env.url).toContain('-cs-')
    await world.job(answer.body.data.job.id)
    const made = await row(urlOf(answer))
    expect(made).toMatchObject({ state: 'active', head_sha })
    const profile = await world.admin.get(`${world.app}/runtime-profiles/${made.runtime_profile_id}`)
    expect(profile.body.data).toMatchObject({ kind: 'temp_changeset', base_profile_id: null })
    // Its workspace may have one as well.
    expect((await ask(user, { workspace_id })).status).toBe(201)
  })

  test('without a base the profile of the first environment is taken', async () => {
    const profile = await world.admin.send('POST', `${world.app}/runtime-profiles`, {
      name: 'First',
      kind: 'persistent_env',
      base_url: '',
      database_engine: 'mongodb',
      connection_ref: '',
      provisioning_mode: 'managed',
      env_vars: { OF: { type: 'string', value: 'the first environment' } },
    })
    const runtime_profile_id = new ObjectId(profile.body.data.id as string)
    await world.db.collection('environments').updateOne({ position: 0 }, { $set: { runtime_profile_id } })
    const url = await active(user)
    const made = await world.admin.get(`${world.app}/runtime-profiles/${(await row(url)).runtime_profile_id}`)
    expect(made.body.data).toMatchObject({
      base_profile_id: profile.body.data.id,
      env_vars: { OF: { type: 'string' } },
    })
  })

  test('the source is named as the real server does, as the epic does, or both ways alike', async () => {
    const id = idOf(await world.workspace(user))
    const changeset = idOf(await world.changeset(user, 'draft'))
    const refused: [object, number][] = [
      [{}, 400],
      [{ kind: 'workspace' }, 400],
      [{ source_id: id }, 400],
      [{ kind: 'release', source_id: id }, 400],
      [{ kind: 'workspace', source_id: 'x' }, 400],
      [{ kind: 'workspace', source_id: { $gt: '' } }, 400],
      [{ workspace_id: id, changeset_id: changeset }, 400],
      [{ workspace_id: 'x' }, 400],
      [{ kind: 'changeset', workspace_id: id }, 400],
      [{ kind: 'workspace', source_id: 'f'.repeat(24), workspace_id: id }, 400],
      [{ kind: 'workspace', source_id: 'f'.repeat(24) }, 404],
      [{ kind: 'changeset', source_id: id }, 404],
      [{ workspace_id: changeset }, 404],
      [{ workspace_id: id, base_profile_id: 'x' }, 400],
      [{ workspace_id: id, runtime_profile_id: 'x' }, 400],
      [{ workspace_id: id, base_profile_id: 'f'.repeat(24) }, 404],
      [{ workspace_id: id, env_var_overrides: { 'a.b': { type: 'string', value: '' } } }, 400],
      [{ workspace_id: id, env_var_overrides: { A: 'untyped' } }, 400],
      [{ workspace_id: id, env_var_overrides: { A: { type: 'number', value: 'x' } } }, 400],
      [{ workspace_id: id, env_var_overrides: { A: { type: 'string', value: 'x'.repeat(70_000) } } }, 400],
      [
        {
          workspace_id: id,
          env_var_overrides: Object.fromEntries(
            Array.from({ length: 201 }, (_, index) => [`K${index}`, { type: 'boolean', value: true }]),
          ),
        },
        400,
      ],
    ]
    for (const [body, status] of refused) expect([body, (await ask(user, body)).status]).toEqual([body, status])
    expect(await rows().countDocuments({ source_id: { $in: [id, changeset] } })).toBe(0)
    const both = await ask(user, { kind: 'workspace', source_id: id, workspace_id: id, name: 'ignored' })
    expect(both.status).toBe(201)
    expect((await ask(user, { changeset_id: changeset })).status).toBe(201)
  })

  test('of 20 that are asked for at once for one source, one is made', async () => {
    const workspace_id = idOf(await world.workspace(user))
    const tries = await Promise.all(Array.from({ length: 20 }, () => ask(user, { workspace_id })))
    expect(tries.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(409)])
    expect(new Set(tries.filter(({ status }) => status === 409).map(({ body }) => body.error.code))).toEqual(
      new Set(['conflict']),
    )
    expect(await rows().countDocuments({ source_id: workspace_id })).toBe(1)
    const [made] = tries.filter(({ status }) => status === 201)
    const url = urlOf(made as Answer)
    const jobs = { job_type: 'temp_env_provision', entity_id: idOf(url) }
    expect(await world.db.collection('jobs').countDocuments(jobs)).toBe(1)

    await until(async () => (await row(url)).state === 'active', 'the environment is active')
    await put(url, 'expiring')
    expect((await ask(user, { workspace_id })).status).toBe(409)
    await put(url, 'expired')
    expect((await ask(user, { workspace_id })).status).toBe(201)
  })

  test('only its creator and config managers change one; it is not there for another app', async () => {
    const url = await active(user)
    const [other, reviewer] = await Promise.all([world.another('user'), world.person('reviewer')])
    const before = await row(url)
    const changes = (path: string, who: Person) => [
      who.send('POST', `${path}/extend`, {}),
      who.send('POST', `${path}/undo-expire`),
      who.send('DELETE', path),
    ]
    for (const who of [other, reviewer, await world.person('outsider')]) {
      for (const answer of await Promise.all(changes(url, who))) {
        expect([answer.status, answer.body.error.code]).toEqual([403, 'forbidden'])
      }
    }
    // Who may not change it is not told what is wrong with the request.
    expect((await other.send('POST', `${url}/extend`, { hours: 99 })).status).toBe(403)
    const elsewhere = url.replace(world.app, await world.anotherApp())
    const unknown = url.replace(idOf(url), 'f'.repeat(24))
    for (const path of [elsewhere, unknown]) {
      for (const answer of await Promise.all(changes(path, world.admin))) {
        expect([answer.status, answer.body.error.code]).toEqual([404, 'not_found'])
      }
    }
    for (const answer of await Promise.all(changes(`${world.app}/temp-envs/zz`, world.admin))) {
      expect(answer.status).toBe(400)
    }
    expect(await row(url)).toEqual(before)
    for (const who of [user, manager, world.admin]) {
      expect((await who.send('POST', `${url}/extend`, { seconds: 300 })).status).toBe(200)
    }
    const actors = (await audits(url)).filter(({ action }) => action === 'extended')
    expect(actors.map(({ actor_user_id }) => String(actor_user_id))).toEqual([user.id, manager.id, world.admin.id])
  })

  test('every action in every state: allowed where the contract says so, refused and without effect elsewhere', async () => {
    const url = await active(user)
    const original = await row(url)
    const allowed: Record<
      string,
      { in: TempEnvironmentState[]; to: TempEnvironmentState; send: () => Promise<Answer> }
    > = {
      extend: { in: ['active'], to: 'active', send: () => user.send('POST', `${url}/extend`, { hours: 1 }) },
      undo: { in: ['expiring'], to: 'active', send: () => user.send('POST', `${url}/undo-expire`) },
      delete: { in: ['active', 'expiring'], to: 'deleted', send: () => user.send('DELETE', url) },
    }
    for (const state of TEMP_ENVIRONMENT_STATES) {
      for (const [action, { in: states, to, send }] of Object.entries(allowed)) {
        await rows().replaceOne({ _id: original._id }, original)
        await put(url, state)
        const before = await row(url)
        const what = `${action} of one that is ${state}`
        const answer = await send()
        if (states.includes(state)) {
          expect([what, answer.status, answer.body.data.temp_env.state]).toEqual([what, 200, to])
          if (to === 'deleted') await world.job(answer.body.data.job.id)
          expect([what, (await row(url)).state]).toEqual([what, to])
        } else {
          const refusal = action === 'undo' && state === 'expired' ? [410, 'gone'] : [409, 'invalid_transition']
          expect([what, answer.status, answer.body.error.code]).toEqual([what, ...refusal])
          expect(await row(url)).toEqual(before)
        }
      }
    }
  })

  test('extending adds to the life, a day when nothing is said, and clears the warning', async () => {
    const url = await active(user)
    const extend = (body: object) => user.send('POST', `${url}/extend`, body)
    const given: [object, number][] = [
      [{ hours: 1 }, 1],
      [{ seconds: 7_200 }, 2],
      [{ hours: 3, seconds: 10_800 }, 3],
      [{ hours: null }, 24],
    ]
    for (const [body, hours] of given) {
      await set(url, { expiry_warning_sent: true })
      const before = await row(url)
      const { status, body: answer } = await extend(body)
      expect([body, status, answer.data.job]).toEqual([body, 200, null])
      const { expires_at, expiry_warning_sent, last_activity_at } = answer.data.temp_env
      expect(ms(expires_at) - before.expires_at.getTime()).toBe(hours * HOUR_MS)
      expect(expiry_warning_sent).toBe(false)
      expect(ms(last_activity_at)).toBeGreaterThan(before.last_activity_at.getTime())
    }
    const extended = (await audits(url)).filter(({ action }) => action === 'extended')
    expect(extended[0]).toMatchObject({ before: { state: 'active' }, after: { state: 'active', by_seconds: 3_600 } })
  })

  test('extending refuses what is out of range, whatever it is, and goes on', async () => {
    const url = await active(user)
    const before = await row(url)
    const bad = [0, -1, 0.5, 49, 1e300, '1', true, { $gt: 0 }, [1]].map((hours) => ({ hours }))
    const worse = [0, 299, 300.5, 172_801, 8e12, 9e15, 1e308, '7200', null].map((seconds) => ({ seconds }))
    for (const body of [...bad, ...worse.slice(0, -1), { hours: 1, seconds: 7_200 }]) {
      expect([body, (await user.send('POST', `${url}/extend`, body)).status]).toEqual([body, 400])
    }
    expect((await user.send('POST', `${url}/extend`, '{"seconds":1e999}')).status).toBe(400)
    expect(await row(url)).toEqual(before)
    expect((await user.send('POST', `${url}/extend`, worse.at(-1))).status).toBe(200)
  })

  test('nobody extends beyond 72 hours of life, also not with several requests at once', async () => {
    const url = await active(user)
    const created_at = fromNow(-10 * HOUR_MS)
    await set(url, { created_at, expires_at: new Date(created_at.getTime() + 24 * HOUR_MS) })
    const tries = await Promise.all(Array.from({ length: 10 }, () => user.send('POST', `${url}/extend`, {})))
    expect(tries.map(({ status }) => status).sort()).toEqual([200, 200, ...Array(8).fill(400)])
    expect((await row(url)).expires_at.getTime() - created_at.getTime()).toBe(72 * HOUR_MS)
    expect((await user.send('POST', `${url}/extend`, { seconds: 300 })).status).toBe(400)
  })

  test('extending is activity: it leaves at least a day, also past the 72 hours', async () => {
    const url = await active(user)
    await set(url, { created_at: fromNow(-60 * HOUR_MS), expires_at: fromNow(2 * HOUR_MS) })
    const { status, body } = await user.send('POST', `${url}/extend`, { hours: 1 })
    expect(status).toBe(200)
    const { expires_at, last_activity_at } = body.data.temp_env
    expect(ms(expires_at) - ms(last_activity_at)).toBe(24 * HOUR_MS)
  })

  test('undoing brings one back for a day, until its grace is over', async () => {
    const url = await active(user)
    await put(url, 'expiring')
    await set(url, { expiry_warning_sent: true })
    const tries = await Promise.all(Array.from({ length: 8 }, () => user.send('POST', `${url}/undo-expire`, {})))
    expect(tries.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(409)])
    const back = await row(url)
    expect(back).toMatchObject({ state: 'active', grace_expires_at: null, expiry_warning_sent: false, active: true })
    expect(back.expires_at.getTime() - back.last_activity_at.getTime()).toBe(24 * HOUR_MS)
    expect((await audits(url)).filter(({ action }) => action === 'undo_expired')).toMatchObject([
      { before: { state: 'expiring' }, after: { state: 'active', grace_expires_at: null } },
    ])
    await set(url, { state: 'expiring', grace_expires_at: fromNow(-1) })
    const late = await user.send('POST', `${url}/undo-expire`)
    expect([late.status, late.body.error.code]).toEqual([410, 'gone'])
  })

  test('a deleted one is gone with all that belongs to it; its creator is told unless they did it', async () => {
    const url = await active(user)
    const before = await row(url)
    const tries = await Promise.all(Array.from({ length: 8 }, () => manager.send('DELETE', url, {})))
    expect(tries.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(409)])
    const done = tries.find(({ status }) => status === 200)?.body.data
    expect(done.temp_env.state).toBe('deleted')
    expect(done.job).toMatchObject({ job_type: 'temp_env_expire', payload: {}, created_by: manager.id, max_retries: 2 })
    const job = await world.job(done.job.id)
    expect(job).toMatchObject({ state: 'succeeded', result: { status: 'deleted', temp_env_id: idOf(url) } })
    expect(await row(url)).toMatchObject({ state: 'deleted', active: false, cleanup_requested_at: null })
    expect(await databases()).not.toContain(before.db_name)
    expect(world.git('for-each-ref', `refs/heads/temp/${idOf(url)}`)).toBe('')
    expect((await world.admin.get(`${world.app}/runtime-profiles/${before.runtime_profile_id}`)).status).toBe(404)
    const told = (await audits(url)).slice(2)
    expect(told.map(({ action, actor_user_id }) => [action, actor_user_id && String(actor_user_id)])).toEqual([
      ['deleted', manager.id],
      ['cleaned_up', null],
    ])
    expect(told[0]).toMatchObject({ before: { state: 'active' }, after: { state: 'deleted' } })
    await expect.poll(() => mailsOf('temp_env_deleted', before.url)).toMatchObject([{ recipient_email: user.email }])

    const own = await active(user)
    const { url: address } = await row(own)
    const answer = await user.send('DELETE', own)
    await world.job(answer.body.data.job.id)
    expect(mailsOf('temp_env_deleted', address)).toEqual([])
  })

  test('any member sees all that are not deleted, newest first, in pages', async () => {
    const urls = [await active(user), await active(manager)]
    const gone = await active(user)
    await user.send('DELETE', gone)
    const seen = async (query: string) => (await user.get(`${world.app}/temp-envs${query}`)).body
    // What others have just done may reach a list a moment later.
    const newest = async () => (await seen('?limit=2')).data.map(({ id }: { id: string }) => id)
    await expect.poll(newest).toEqual(urls.map(idOf).reverse())
    const all = await seen('?limit=100')
    const ids = all.data.map(({ id }: { id: string }) => id)
    expect(ids).not.toContain(idOf(gone))
    expect(all.pagination.total).toBe(ids.length)
    const dates = all.data.map(({ created_at }: { created_at: string }) => created_at)
    expect(dates).toEqual([...dates].sort().reverse())
    const pages = [await seen('?limit=1&page=1'), await seen('?limit=1&page=2')]
    expect(pages.flatMap(({ data }) => data).map(({ id }) => id)).toEqual(ids.slice(0, 2))
    expect((await (await world.person('outsider')).get(`${world.app}/temp-envs`)).status).toBe(403)
    expect((await user.get(`${world.app}/temp-envs?page=0`)).status).toBe(400)
  })

  test('a suite keeps those of its changeset and of its workspace alive, and shortens none', async () => {
    const changeset = await world.changeset(user, 'draft')
    const { workspace_id } = (await user.get(changeset)).body.data.changeset
    const urls = [urlOf(await ask(user, { workspace_id })), urlOf(await ask(user, { changeset_id: idOf(changeset) }))]
    const unrelated = await active(user)
    for (const url of urls) await until(async () => (await row(url)).state === 'active', 'the environment is active')
    const soon = fromNow(2 * HOUR_MS)
    const [first = '', second = ''] = urls
    await set(first, { expires_at: soon, expiry_warning_sent: true })
    await set(unrelated, { expires_at: soon })
    const far = fromNow(40 * HOUR_MS)
    await set(second, { expires_at: far, last_activity_at: new Date(0) })
    const submitted = await user.send('POST', `${changeset}/submit`, {})
    expect((await world.job(submitted.body.data.job.id)).state).toBe('succeeded')
    const kept = await row(first)
    expect(kept.expires_at.getTime() - kept.last_activity_at.getTime()).toBe(24 * HOUR_MS)
    expect(kept).toMatchObject({ state: 'active', expiry_warning_sent: false })
    expect(await row(second)).toMatchObject({ expires_at: far })
    expect((await row(second)).last_activity_at.getTime()).toBeGreaterThan(0)
    expect(await row(unrelated)).toMatchObject({ expires_at: soon })

    // Only an active one: what is expiring has to be brought back by somebody.
    await put(first, 'expiring')
    const before = await row(first)
    await world.edit(user, `${world.app}/workspaces/${workspace_id}`, 'more.txt', 'more')
    const again = await user.send('POST', `${changeset}/resubmit`, {})
    await world.job(again.body.data.job.id)
    expect(await row(first)).toEqual(before)
  })
})
