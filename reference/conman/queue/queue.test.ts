/** The queue over the whole server (E07): positions, order, what keeps a changeset out, and all of it at the same time. */
import { status } from '@grpc/grpc-js'
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { commitTo } from '../test/commit-to.ts'
import { type GitProxy, startGitProxy } from '../test/git-proxy.ts'
import { type Answer, type ServerProcess, startServer } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, idOf, type Person, type World } from '../test/world.ts'

interface Row {
  changeset_id: string
  queue_position: number
}

describe.skipIf(!HAS_PARTS)('the queue', () => {
  let world: World
  let author: Person
  let manager: Person
  let reviewer: Person
  let second: ServerProcess
  /** Between the second server and git. */
  let proxy: GitProxy

  beforeAll(async () => {
    world = await createWorld()
    ;[author, reviewer, manager] = await Promise.all([
      world.person('user'),
      world.person('reviewer'),
      world.person('config_manager'),
    ])
    proxy = await startGitProxy(process.env.READINESS_TEST_GIT_ADDRESS ?? '')
    second = await startServer(['--role', 'api'], { ...world.env, CONMAN_GITALY_ADDRESS: proxy.address })
  })
  afterAll(async () => {
    await second?.[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
    await world?.[Symbol.asyncDispose]()
  })

  const changesets = () => world.db.collection('changesets')
  const stored = (url: string) => changesets().findOne({ _id: new ObjectId(idOf(url)) })
  const queue = (url: string, who: Person = manager) => who.send('POST', `${url}/queue`)
  const reorder = (urls: readonly string[], who: Person = manager) =>
    who.send('POST', `${world.app}/queue/reorder`, { ordered_changeset_ids: urls.map(idOf) })
  const list = async (query = '?limit=100', who: Person = manager) => (await who.get(`${world.app}/queue${query}`)).body
  const positions = async () =>
    (await changesets().find({ state: 'queued' }).sort({ queue_position: 1 }).toArray()).map(
      ({ _id, queue_position }) => [_id.toHexString(), queue_position],
    )
  const audits = (id: string, action: string) =>
    world.db.collection('audit_events').find({ entity_id: id, action }).sort({ occurred_at: 1 }).toArray()
  const many = (count: number, wanted: 'approved' | 'queued') =>
    Promise.all(Array.from({ length: count }, () => world.changeset(author, wanted)))
  /** The same person at the other server. */
  const elsewhere = (who: Person): Person => ({ ...who, ...second.client(who.token) })

  async function approve(url: string, overrides?: object[]): Promise<void> {
    const body = overrides === undefined ? {} : { profile_overrides: overrides }
    const submitted = await author.send('POST', `${url}/submit`, body)
    expect(submitted.status).toBe(200)
    await world.job(submitted.body.data.job.id)
    expect((await reviewer.send('POST', `${url}/review`, { action: 'approve' })).body.data.state).toBe('approved')
  }

  async function approved(...overrides: object[]): Promise<string> {
    const url = await world.changeset(author, 'draft')
    await approve(url, overrides)
    return url
  }

  beforeEach(() => changesets().updateMany({ state: 'queued' }, { $set: { state: 'released', open: false } }))

  test('thirty at once, at two servers, get the positions 1 to 30', async () => {
    const urls = await many(30, 'approved')
    const answers = await Promise.all(urls.map((url, n) => queue(url, n % 2 === 0 ? manager : elsewhere(manager))))
    expect(answers.map(({ status }) => status)).toEqual(urls.map(() => 200))
    const given = answers.map(({ body }) => body.data.queue_position)
    expect(given.sort((a, b) => a - b)).toEqual(urls.map((_, n) => n + 1))
    expect((await positions()).map(([, position]) => position)).toEqual(given)
  })

  test('one that is queued by several at once is queued once', async () => {
    const [url] = (await many(1, 'approved')) as [string]
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => queue(url, n % 2 ? manager : elsewhere(manager))),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(409)])
    expect(await audits(idOf(url), 'queued')).toHaveLength(1)
    expect(await positions()).toEqual([[idOf(url), 1]])
  })

  test('is listed in its order, in pages, with what one needs to know', async () => {
    const urls = await many(5, 'queued')
    await world.changeset(author, 'approved')
    const order = (await positions()).map(([id]) => id)
    const all = await list()
    expect(all.pagination).toEqual({ page: 1, limit: 100, total: 5 })
    expect(all.data.map(({ changeset_id }: Row) => changeset_id)).toEqual(order)
    const shown = (await author.get(`${world.app}/changesets/${order[0]}`)).body.data.changeset
    const { workspace_id } = (await changesets().findOne({ _id: new ObjectId(String(order[0])) })) as never
    const workspace = await world.db.collection('workspaces').findOne({ _id: workspace_id })
    expect(all.data[0]).toEqual({
      changeset_id: order[0],
      title: shown.title,
      author_user_id: author.id,
      author_email: author.email,
      workspace_branch: workspace?.branch_name,
      head_sha: shown.submitted_head_sha,
      queue_position: 1,
      queued_at: shown.queued_at,
      last_revalidation_status: null,
      last_revalidation_job_id: null,
    })
    const pages = [await list('?limit=2'), await list('?limit=2&page=2'), await list('?limit=2&page=3')]
    expect(pages.flatMap(({ data }) => data).map(({ changeset_id }: Row) => changeset_id)).toEqual(order)
    expect((await list('?page=9')).data).toEqual([])
    for (const query of ['?page=0', '?limit=-1', '?page=1&page=2']) {
      expect((await manager.get(`${world.app}/queue${query}`)).status).toBe(400)
    }
    expect(urls.map(idOf).sort()).toEqual([...order].sort())
  })

  describe('reordering', () => {
    test('gives new positions in steps of 1000, and the next one goes to the end', async () => {
      const urls = await many(3, 'queued')
      const before = Object.fromEntries(await positions())
      const wanted = [urls[2], urls[0], urls[1]] as string[]
      const mails = world.mails().length
      const answer = await reorder(wanted)
      expect(answer).toMatchObject({ status: 200, body: { data: { reordered_count: 3 } } })
      const after = Object.fromEntries(wanted.map((url, n) => [idOf(url), n * 1000]))
      expect(await positions()).toEqual(Object.entries(after))
      expect((await list()).data.map(({ changeset_id }: Row) => changeset_id)).toEqual(wanted.map(idOf))
      const rows = await audits(world.appId, 'queue_reordered')
      expect(rows.at(-1)).toMatchObject({
        entity_type: 'queue',
        before,
        after,
        actor_user_id: new ObjectId(manager.id),
      })
      const [next] = (await many(1, 'approved')) as [string]
      expect((await queue(next)).body.data.queue_position).toBe(2001)
      expect(
        world
          .mails()
          .slice(mails)
          .filter(({ event_type }) => event_type.includes('reorder')),
      ).toEqual([])
    })

    test('of an empty queue is nothing', async () => {
      expect((await reorder([])).body.data.reordered_count).toBe(0)
    })

    test('names each queued one once, or changes nothing', async () => {
      const urls = (await many(3, 'queued')) as [string, string, string]
      const [draft, other] = await Promise.all([world.changeset(author, 'draft'), world.anotherApp()])
      const theirs = await otherApps(other)
      const before = await positions()
      const [a, b, c] = urls
      const wrong: [string, unknown][] = [
        ['one missing', [a, b]],
        ['none', []],
        ['one twice', [a, b, c, a]],
        ['one twice for another', [a, b, b]],
        ['one that is not queued', [a, b, c, draft]],
        ['one that is not queued for another', [a, b, draft]],
        ['one of another app', [a, b, c, theirs]],
        ['one of another app for another', [a, b, theirs]],
        ['an unknown one', [a, b, 'f'.repeat(24)]],
        ['a malformed one', [a, b, `${'z'.repeat(24)}`]],
        ['no list', a],
        ['an operator', { $gt: '' }],
        ['operators', [{ $ne: null }]],
        ['numbers', [1, 2, 3]],
      ]
      for (const [what, given] of wrong) {
        const ids = Array.isArray(given) ? given.map((one) => (typeof one === 'string' ? idOf(one) : one)) : given
        const answer = await manager.send('POST', `${world.app}/queue/reorder`, { ordered_changeset_ids: ids })
        expect([what, answer.status, answer.body.error.code]).toEqual([what, 400, 'validation_error'])
      }
      expect((await manager.send('POST', `${world.app}/queue/reorder`, {})).status).toBe(400)
      expect(await positions()).toEqual(before)
    })

    /** A queued changeset of another app. */
    async function otherApps(app: string): Promise<string> {
      const [space] = (await world.admin.get(`${app}/workspaces`)).body.data
      const begun = await world.admin.send('POST', `${app}/changesets`, { workspace_id: space.id, title: 'Theirs' })
      const url = `${app}/changesets/${begun.body.data.id}`
      const set = { state: 'queued', queue_position: 1, queued_at: new Date() }
      await changesets().updateOne({ _id: new ObjectId(idOf(url)) }, { $set: set })
      return url
    }

    test('is for config managers, and the list for every member', async () => {
      const urls = await many(2, 'queued')
      const before = await positions()
      const outsider = await world.person('outsider')
      for (const who of [author, reviewer, outsider]) {
        expect((await reorder([...urls].reverse(), who)).status).toBe(403)
      }
      expect(await positions()).toEqual(before)
      expect((await world.anonymous.send('POST', `${world.app}/queue/reorder`, {})).status).toBe(401)
      expect((await world.anonymous.get(`${world.app}/queue`)).status).toBe(401)
      expect((await outsider.get(`${world.app}/queue`)).status).toBe(403)
      for (const who of [author, reviewer, manager, world.admin]) {
        await expect.poll(async () => (await list('', who)).pagination?.total).toBe(2)
      }
      expect((await reorder(urls, world.admin)).status).toBe(200)
    })

    test('at the same time as entering leaves every one in, each in a place of its own', async () => {
      const [queued, entering] = [await many(6, 'queued'), await many(10, 'approved')]
      const moves: Promise<Answer>[] = []
      for (const [n, url] of entering.entries()) {
        const who = n % 2 === 0 ? manager : elsewhere(manager)
        moves.push(queue(url, who), reorder(n % 2 === 0 ? queued : [...queued].reverse(), who))
      }
      const answers = await Promise.all(moves)
      for (const [n, { status }] of answers.entries()) {
        // A list that has been overtaken is either incomplete, or told so.
        expect(n % 2 === 0 ? [200] : [200, 400, 409]).toContain(status)
      }
      const now = await positions()
      expect(now.map(([id]) => id).sort()).toEqual([...queued, ...entering].map(idOf).sort())
      expect(new Set(now.map(([, position]) => position)).size).toBe(16)
    })

    test('by several at once ends in the order of one of them, and who saw an older queue is told', async () => {
      const urls = await many(6, 'queued')
      const orders = Array.from({ length: 10 }, (_, n) => [...urls.slice(n % 6), ...urls.slice(0, n % 6)])
      const answers = await Promise.all(
        orders.map((order, n) => reorder(order, n % 2 === 0 ? manager : elsewhere(manager))),
      )
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 409]))
      const won = orders.filter((_, n) => answers[n]?.status === 200).map((order) => order.map(idOf).join())
      expect(won).toContain((await positions()).map(([id]) => id).join())
      expect((await positions()).map(([, position]) => position)).toEqual(urls.map((_, n) => n * 1000))
    })
  })

  describe('overrides that collide', () => {
    let key = 0
    const override = (value: object, target_profile_id: string | null = null, name = `KEY_${key}`) => ({
      key: name,
      value,
      target_profile_id,
    })
    const text = (value: string) => ({ type: 'string', value })
    beforeEach(() => {
      key += 1
    })

    async function profile(name: string): Promise<string> {
      const now = new Date()
      const { insertedId } = await world.db.collection('runtime_profiles').insertOne({
        app_id: new ObjectId(world.appId),
        name: `${name} ${key}`,
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

    test('make the later one conflicted, and told so', async () => {
      const first = await approved(override(text('one')))
      const later = await approved(override(text('two')), override(text('x'), null, 'OTHER'))
      expect((await queue(first)).body.data.state).toBe('queued')
      const answer = await queue(later)
      expect(answer.status).toBe(200)
      expect(answer.body.data).toMatchObject({
        state: 'conflicted',
        queue_position: null,
        queued_at: null,
        approvals: [],
        approval_count: 0,
      })
      expect(await audits(idOf(later), 'conflicted')).toMatchObject([
        {
          before: { state: 'approved' },
          after: { state: 'conflicted', conflict_with: new ObjectId(idOf(first)) },
          actor_user_id: new ObjectId(manager.id),
        },
      ])
      expect(await audits(idOf(later), 'queued')).toEqual([])
      const title = answer.body.data.title
      const told = () =>
        world
          .mails()
          .filter(({ event_type, subject }) => event_type === 'changeset_conflicted' && subject.includes(title))
          .map(({ recipient_email }) => recipient_email)
      await expect.poll(told).toEqual([author.email])
      // Put right it goes in.
      expect((await author.send('POST', `${later}/move-to-draft`)).status).toBe(200)
      await approve(later, [override(text('one'))])
      expect((await queue(later)).body.data).toMatchObject({ state: 'queued', queue_position: 2 })
    })

    test.each([
      ['equal text', text('1'), text('1'), 'queued'],
      ['other text', text('1'), text('2'), 'conflicted'],
      ['a number for a text', text('1'), { type: 'number', value: 1 }, 'conflicted'],
      ['equal numbers', { type: 'number', value: 1.5 }, { type: 'number', value: 1.5 }, 'queued'],
      ['other booleans', { type: 'boolean', value: true }, { type: 'boolean', value: false }, 'conflicted'],
      [
        'equal json',
        { type: 'json', value: { a: [1], b: null } },
        { type: 'json', value: { b: null, a: [1] } },
        'queued',
      ],
      ['other json', { type: 'json', value: [1, 2] }, { type: 'json', value: [2, 1] }, 'conflicted'],
      ['text as json', { type: 'json', value: '1' }, text('1'), 'conflicted'],
    ])('%s', async (_what, one, two, state) => {
      const [first, later] = await Promise.all([approved(override(one)), approved(override(two))])
      expect((await queue(first)).body.data.state).toBe('queued')
      expect((await queue(later)).body.data.state).toBe(state)
    })

    test('only for the same target', async () => {
      const [p, q] = await Promise.all([profile('P'), profile('Q')])
      const urls = await Promise.all([
        approved(override(text('0'))),
        approved(override(text('1'), p)),
        approved(override(text('2'), q)),
        approved(override(text('3'), p)),
        approved(override(text('1'), p)),
      ])
      const states: string[] = []
      for (const url of urls) states.push((await queue(url)).body.data.state)
      expect(states).toEqual(['queued', 'queued', 'queued', 'conflicted', 'queued'])
    })

    test('at the same time let exactly one in', async () => {
      const urls = await Promise.all(Array.from({ length: 6 }, (_, n) => approved(override(text(`${n}`)))))
      const answers = await Promise.all(urls.map((url, n) => queue(url, n % 2 === 0 ? manager : elsewhere(manager))))
      expect(answers.map(({ body }) => body.data.state).sort()).toEqual([...Array(5).fill('conflicted'), 'queued'])
      expect((await positions()).map(([, position]) => position)).toEqual([1])
    })
  })

  test('one that integration has overtaken gets in after a sync and another round', async () => {
    const url = await world.changeset(author, 'approved')
    commitTo(world, 'main', { 'overtaken.txt': 'theirs' })
    const before = await stored(url)
    const refused = await queue(url)
    expect([refused.status, refused.body.error.code]).toEqual([409, 'conflict'])
    expect(await stored(url)).toEqual(before)
    const workspace = `${world.app}/workspaces/${before?.workspace_id}`
    expect((await author.send('POST', `${workspace}/sync-integration`)).body.data.clean).toBe(true)
    // What was approved was another commit.
    expect((await queue(url)).status).toBe(409)
    expect((await author.send('POST', `${url}/move-to-draft`)).body.data).toMatchObject({
      state: 'draft',
      approvals: [],
    })
    await approve(url)
    expect((await queue(url)).body.data).toMatchObject({ state: 'queued', queue_position: 1 })
  })

  test('whichever way one leaves, its place is free', async () => {
    const edit = (content: string) => world.changeset(author, 'queued', { path: 'clash.yaml', content })
    const [taken, overtaken] = [await edit('one\n'), await edit('two\n')]
    expect(await positions()).toEqual([
      [idOf(taken), 1],
      [idOf(overtaken), 2],
    ])
    const made = await manager.send('POST', `${world.app}/releases`, { changeset_ids: [idOf(taken)] })
    const release = `${world.app}/releases/${made.body.data.id}`
    await world.job((await manager.send('POST', `${release}/assemble`)).body.data.job.id)
    expect((await manager.send('POST', `${release}/publish`)).status).toBe(200)
    const gone = { queue_position: null, queued_at: null }
    expect(await stored(taken)).toMatchObject({ state: 'released', ...gone })
    await expect.poll(() => stored(overtaken), { timeout: 20_000 }).toMatchObject({ state: 'conflicted', ...gone })
    expect(await positions()).toEqual([])
    await expect.poll(async () => (await list()).pagination.total).toBe(0)
    const next = await world.changeset(author, 'queued')
    expect(await positions()).toEqual([[idOf(next), 1]])
  })

  test('one that integration overtakes while it enters is looked at again', async () => {
    const url = await world.changeset(author, 'approved')
    const jobs = () =>
      world.db.collection('jobs').find({ job_type: 'revalidate_queued_changeset', entity_id: idOf(url) })
    const seen = world.git('rev-parse', 'main').trim()
    world.git('update-ref', 'refs/heads/soon', seen)
    const moved = commitTo(world, 'soon', { 'entering.txt': 'theirs' })
    proxy.reset()
    proxy.script('CommitIsAncestor', { delayMs: 2_000 })
    const entering = queue(url, elsewhere(manager))
    await expect.poll(() => proxy.calls.map(({ method }) => method), { interval: 5 }).toContain('CommitIsAncestor')
    world.git('update-ref', 'refs/heads/main', moved)
    expect((await entering).body.data.state).toBe('queued')
    expect(await jobs().toArray()).toMatchObject([{ payload: { trigger: 'integration_moved', integration_sha: seen } }])
    // Otherwise there is nothing to look at again, and a git that fails now keeps nobody out.
    const other = await world.changeset(author, 'approved')
    proxy.script('FindBranch', 'pass', { code: status.INTERNAL })
    expect((await queue(other, elsewhere(manager))).body.data.state).toBe('queued')
    expect(await world.db.collection('jobs').countDocuments({ entity_id: idOf(other), job_type: /^reval/ })).toBe(0)
  })

  test('one whose suite did not succeed stays out', async () => {
    for (const state of ['queued', 'running', 'failed', 'canceled']) {
      const url = await world.changeset(author, 'approved')
      await world.db.collection('jobs').updateMany({ entity_id: idOf(url) }, { $set: { state } })
      const answer = await queue(url)
      expect([state, answer.status, answer.body.error.code]).toEqual([state, 409, 'conflict'])
      expect((await stored(url))?.state).toBe('approved')
    }
  })

  test('only config managers put one in', async () => {
    const url = await world.changeset(author, 'approved')
    for (const who of [author, reviewer, await world.person('outsider')])
      expect((await queue(url, who)).status).toBe(403)
    expect((await world.anonymous.send('POST', `${url}/queue`)).status).toBe(401)
    const elsewhere = url.replace(world.app, await world.anotherApp())
    expect((await queue(elsewhere, world.admin)).status).toBe(404)
    expect(await stored(url)).toMatchObject({ state: 'approved', queue_position: null })
    expect((await queue(url, world.admin)).status).toBe(200)
  })
})
