/** Releases over the whole server: who may do what, what each state allows, and what is left behind. */
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RELEASE_STATES } from '../mongo/documents.ts'
import { type ReleaseFlow, releaseFlow } from '../test/release-flow.ts'
import type { Answer } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, idOf, type Person, type World } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('releases', () => {
  let world: World
  let flow: ReleaseFlow
  let author: Person
  let manager: Person
  let reviewer: Person

  beforeAll(async () => {
    world = await createWorld()
    ;[author, reviewer, manager] = await Promise.all([
      world.person('user'),
      world.person('reviewer'),
      world.person('config_manager'),
    ])
    flow = releaseFlow(world, manager)
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  const releases = () => world.db.collection('release_batches')
  const audits = (url: string) =>
    world.db
      .collection('audit_events')
      .find({ entity_type: 'release', entity_id: idOf(url) })
      .sort({ occurred_at: 1 })
      .toArray()
  const selection = async (url: string) =>
    (await flow.release(url)).ordered_changeset_ids.map((id: ObjectId) => id.toHexString())
  const outcome = ({ status, body }: Answer) => [status, body.error?.code]

  test('go from a draft to a published one, each step told, recorded and mailed', async () => {
    const [a, b] = [await world.changeset(author, 'queued'), await world.changeset(author, 'queued')]
    const made = await manager.send('POST', `${world.app}/releases`, { changeset_ids: [idOf(a)] })
    expect(made.status).toBe(201)
    const url = `${world.app}/releases/${made.body.data.id}`
    const { tag } = made.body.data
    expect(made.body.data).toMatchObject({
      tag: expect.stringMatching(/^r\d{4}\.\d{2}\.\d{2}\.[1-9]\d*$/),
      state: 'draft_release',
      ordered_changeset_ids: [idOf(a)],
      compose_job_id: null,
      published_sha: null,
    })
    expect((await manager.send('POST', `${url}/changesets`, { add: [idOf(b)] })).status).toBe(200)
    expect((await manager.send('POST', `${url}/reorder`, { changeset_ids: [idOf(b), idOf(a)] })).status).toBe(200)
    const before = await author.get(url)
    expect(before.body.data.changesets).toEqual([
      { changeset_id: idOf(b), position: 0, merge_sha: null },
      { changeset_id: idOf(a), position: 1, merge_sha: null },
    ])

    const base = world.git('rev-parse', 'main').trim()
    const asked = await manager.send('POST', `${url}/assemble`)
    expect(asked.body.data.release).toMatchObject({ state: 'assembling', compose_job_id: asked.body.data.job.id })
    expect(asked.body.data.job).toMatchObject({
      job_type: 'release_assemble',
      entity_type: 'release',
      entity_id: idOf(url),
      payload: { release_id: idOf(url), changeset_ids: [idOf(b), idOf(a)] },
    })
    const job = await world.job(asked.body.data.job.id)
    const detail = (await author.get(url)).body.data
    const [first, second] = detail.changesets.map(({ merge_sha }: { merge_sha: string }) => merge_sha)
    expect(job).toMatchObject({
      state: 'succeeded',
      result: {
        status: 'validated',
        release_id: idOf(url),
        state: 'validated',
        composed_sha: second,
        merges: [
          { changeset_id: idOf(b), merge_sha: first },
          { changeset_id: idOf(a), merge_sha: second },
        ],
      },
    })
    // Nothing but a reference of merges has moved.
    expect(world.git('rev-parse', 'main').trim()).toBe(base)
    expect(world.git('rev-parse', `refs/merge-requests/${idOf(url)}/merge`).trim()).toBe(second)
    const parents = (commit: string) => world.git('rev-list', '--parents', '-1', commit).trim().split(' ').slice(1)
    expect(parents(first)).toEqual([base, (await flow.changeset(b)).submitted_head_sha])
    expect(parents(second)).toEqual([first, (await flow.changeset(a)).submitted_head_sha])
    expect(world.git('log', '-1', '--format=%s', second).trim()).toBe(
      `Release ${tag} includes changeset ${idOf(a)} (${(await flow.changeset(a)).title})`,
    )

    const published = await flow.publish(url)
    expect(published).toMatchObject({
      status: 200,
      body: {
        data: {
          release: { state: 'published', published_sha: second, published_by: manager.id },
          released_changesets: [idOf(b), idOf(a)],
        },
      },
    })
    expect(world.git('rev-parse', 'main').trim()).toBe(second)
    expect(world.git('rev-parse', `refs/tags/${tag}`).trim()).toBe(second)
    expect(world.git('for-each-ref', 'refs/merge-requests')).toBe('')
    expect(await flow.changeset(a)).toMatchObject({ state: 'released', open: false, queue_position: null })

    const rows = await audits(url)
    expect(rows.map(({ action }) => action)).toEqual([
      'created',
      'changesets_modified',
      'reordered',
      'assembled',
      'validated',
      'published',
    ])
    expect(rows.map(({ actor_user_id }) => actor_user_id?.toHexString() ?? null)).toEqual([
      manager.id,
      manager.id,
      manager.id,
      manager.id,
      null,
      manager.id,
    ])
    expect(rows[4]?.context.request_id).toBe(`job-${job.id}`)
    expect(rows[5]).toMatchObject({ before: { state: 'validated' }, after: { state: 'published' }, git_sha: second })
    const told = (event: string) =>
      world
        .mails()
        .filter(({ event_type, subject }) => event_type === event && subject.endsWith(`: ${tag}`))
        .map(({ recipient_email }) => recipient_email)
        .sort()
    await expect.poll(() => told('release_created')).toEqual(['admin@example.com'])
    await expect
      .poll(() => told('release_published'))
      .toEqual(['admin@example.com', author.email, reviewer.email].sort())
  })

  test('thirty at the same moment get thirty numbers in a row, and none fails', async () => {
    const before = await releases().countDocuments()
    const made = await Promise.all(Array.from({ length: 30 }, () => manager.send('POST', `${world.app}/releases`, {})))
    expect(made.map(({ status }) => status)).toEqual(Array(30).fill(201))
    const numbers = made.map(({ body }) => Number(body.data.tag.split('.').at(-1))).sort((x, y) => x - y)
    expect(numbers).toEqual(Array.from({ length: 30 }, (_, index) => (numbers[0] ?? 0) + index))
    expect(await releases().countDocuments()).toBe(before + 30)
  })

  test('a number follows the highest as a number, and those of other apps do not count', async () => {
    const url = await flow.draft()
    const { _id, tag, ...rest } = await flow.release(url)
    const prefix = tag.slice(0, tag.lastIndexOf('.') + 1)
    const other = new ObjectId((await world.anotherApp()).slice(-24))
    await releases().insertMany([
      { ...rest, tag: `${prefix}99` },
      { ...rest, tag: `${prefix}100` },
      { ...rest, tag: `${prefix}5000`, app_id: other },
      { ...rest, tag: `${prefix}hotfix` },
    ])
    expect((await flow.release(await flow.draft())).tag).toBe(`${prefix}101`)
  })

  test('a list is filtered by one state, in pages, newest first', async () => {
    const list = async (query: string) => (await author.get(`${world.app}/releases${query}`)).body
    const all = await list('?limit=100')
    const times = all.data.map(({ created_at }: { created_at: string }) => created_at)
    expect(times).toEqual([...times].sort().reverse())
    for (const state of ['draft_release', 'published', 'rolled_back']) {
      const filtered = await list(`?limit=100&state=${state}`)
      expect(filtered.data).toEqual(all.data.filter((one: { state: string }) => one.state === state))
      expect(filtered.pagination.total).toBe(filtered.data.length)
    }
    const pages = [await list('?limit=2&page=1'), await list('?limit=2&page=2')]
    expect(pages.flatMap(({ data }) => data)).toEqual(all.data.slice(0, 4))
    expect((await list('?page=9999')).data).toEqual([])
    for (const query of ['?state=none', '?state=published,validated', '?state=', '?page=0']) {
      expect([query, (await author.get(`${world.app}/releases${query}`)).status]).toEqual([query, 400])
    }
  })

  test('a selection is a list of queued changesets, whole or by what comes and goes', async () => {
    const [a, b, c] = [
      await world.changeset(author, 'queued'),
      await world.changeset(author, 'queued'),
      await world.changeset(author, 'queued'),
    ].map(idOf)
    const approved = idOf(await world.changeset(author, 'approved'))
    const url = await flow.draft()
    const select = (body: object) => manager.send('POST', `${url}/changesets`, body)
    expect((await select({ changeset_ids: [a, b] })).body.data.ordered_changeset_ids).toEqual([a, b])
    expect((await select({ add: [c, a] })).body.data.ordered_changeset_ids).toEqual([a, b, c])
    expect((await select({ remove: [a, 'f'.repeat(24)] })).body.data.ordered_changeset_ids).toEqual([b, c])
    expect((await select({ add: [a], remove: [b] })).body.data.ordered_changeset_ids).toEqual([c, a])

    const refused: [object, number, string][] = [
      [{}, 400, 'validation_error'],
      [{ changeset_ids: [a], add: [b] }, 400, 'validation_error'],
      [{ changeset_ids: [a, a] }, 400, 'validation_error'],
      [{ changeset_ids: ['zz'] }, 400, 'validation_error'],
      [{ changeset_ids: { $gt: '' } }, 400, 'validation_error'],
      [{ changeset_ids: [null] }, 400, 'validation_error'],
      [{ changeset_ids: a }, 400, 'validation_error'],
      [{ add: [b, b] }, 400, 'validation_error'],
      [{ remove: [b, b] }, 400, 'validation_error'],
      [{ add: [b], remove: [b] }, 400, 'validation_error'],
      [{ changeset_ids: ['f'.repeat(24)] }, 409, 'conflict'],
      [{ changeset_ids: [a, approved] }, 409, 'conflict'],
      [{ add: [approved] }, 409, 'conflict'],
    ]
    for (const [body, status, code] of refused)
      expect([body, ...outcome(await select(body))]).toEqual([body, status, code])
    expect(await selection(url)).toEqual([c, a])

    const reorder = (body: object) => manager.send('POST', `${url}/reorder`, body)
    expect((await reorder({ ordered_changeset_ids: [a, c] })).body.data.ordered_changeset_ids).toEqual([a, c])
    for (const changeset_ids of [[a], [a, c, b], [a, a], [a, b], ['zz', a], []]) {
      expect(outcome(await reorder({ changeset_ids }))).toEqual([400, 'validation_error'])
    }
    expect(outcome(await reorder({ changeset_ids: [a, c], ordered_changeset_ids: [c, a] }))[0]).toBe(400)
    expect(outcome(await reorder({}))[0]).toBe(400)
    expect(await selection(url)).toEqual([a, c])
    expect((await select({ changeset_ids: [] })).body.data.ordered_changeset_ids).toEqual([])
    expect(outcome(await manager.send('POST', `${url}/assemble`))).toEqual([400, 'validation_error'])

    const ids = (row: { changeset_ids: ObjectId[] }) => row.changeset_ids.map(String)
    const last = (await audits(url)).at(-1)
    expect([last?.action, ids(last?.before), ids(last?.after)]).toEqual(['changesets_modified', [a, c], []])
    for (const body of [{ changeset_ids: [a, a] }, { changeset_ids: ['zz'] }, { changeset_ids: 'x' }]) {
      expect((await manager.send('POST', `${world.app}/releases`, body)).status).toBe(400)
    }
    expect((await manager.send('POST', `${world.app}/releases`, { changeset_ids: [approved] })).status).toBe(409)
  })

  test('parallel changes of a selection lose nothing: each is stored, or refused', async () => {
    const urls = await Promise.all(Array.from({ length: 6 }, () => world.changeset(author, 'queued')))
    const url = await flow.draft()
    const answers = await Promise.all(
      urls.map((one) => manager.send('POST', `${url}/changesets`, { add: [idOf(one)] })),
    )
    const stored = urls.filter((_, index) => answers[index]?.status === 200).map(idOf)
    expect(answers.every(({ status }) => status === 200 || status === 409)).toBe(true)
    expect((await selection(url)).sort()).toEqual(stored.sort())
  })

  test('a draft reserves nothing; of several the one that is assembled first has a changeset', async () => {
    const shared = await world.changeset(author, 'queued')
    const drafts = await Promise.all(Array.from({ length: 5 }, () => flow.draft(shared)))
    const asked = await Promise.all(drafts.map((url) => manager.send('POST', `${url}/assemble`)))
    expect(asked.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409])
    const winner = drafts[asked.findIndex(({ status }) => status === 200)] ?? ''
    await world.job(asked.find(({ status }) => status === 200)?.body.data.job.id)
    for (const url of drafts) {
      expect((await flow.release(url)).state).toBe(url === winner ? 'validated' : 'draft_release')
    }
    const rows = await world.db
      .collection('release_changesets')
      .countDocuments({ changeset_id: new ObjectId(idOf(shared)) })
    expect(rows).toBe(1)
    expect(await world.db.collection('jobs').countDocuments({ entity_id: { $in: drafts.map(idOf) } })).toBe(1)
    // Nor can it be chosen for another one now.
    const late = await flow.draft()
    expect(outcome(await manager.send('POST', `${late}/changesets`, { changeset_ids: [idOf(shared)] }))).toEqual([
      409,
      'conflict',
    ])
  })

  test('of parallel assemblies of one release exactly one begins', async () => {
    const url = await flow.draft(await world.changeset(author, 'queued'))
    const asked = await Promise.all(Array.from({ length: 10 }, () => manager.send('POST', `${url}/assemble`)))
    expect(asked.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)])
    expect(await world.db.collection('jobs').countDocuments({ entity_id: idOf(url) })).toBe(1)
    expect(
      await world.db.collection('release_changesets').countDocuments({ release_id: new ObjectId(idOf(url)) }),
    ).toBe(1)
  })

  test('every action in every state: refused, and without effect, where the machine has no such move', async () => {
    const queued = idOf(await world.changeset(author, 'queued'))
    const url = await flow.draft()
    const original = await flow.release(url)
    const actions: [string, string, () => Promise<Answer>][] = [
      ['change the selection', 'draft_release', () => manager.send('POST', `${url}/changesets`, { add: [queued] })],
      ['reorder', 'draft_release', () => manager.send('POST', `${url}/reorder`, { changeset_ids: [queued] })],
      ['assemble', 'draft_release', () => manager.send('POST', `${url}/assemble`)],
      ['publish', 'validated', () => manager.send('POST', `${url}/publish`)],
    ]
    for (const state of RELEASE_STATES) {
      for (const [what, allowed, send] of actions) {
        if (state === allowed) continue
        const { _id, ...fields } = original
        await releases().replaceOne({ _id }, { ...fields, state, ordered_changeset_ids: [new ObjectId(queued)] })
        const before = await flow.release(url)
        const refs = world.git('for-each-ref')
        expect([what, state, ...outcome(await send())]).toEqual([what, state, 409, 'conflict'])
        expect(await flow.release(url)).toEqual(before)
        expect(world.git('for-each-ref')).toBe(refs)
      }
    }
    const { _id, ...fields } = original
    await releases().replaceOne({ _id }, fields)
    expect(await world.db.collection('jobs').countDocuments({ entity_id: idOf(url) })).toBe(0)
    expect(await world.db.collection('changesets').countDocuments({ _id: new ObjectId(queued), state: 'queued' })).toBe(
      1,
    )
  })

  test('nobody below config_manager changes a release, and any member reads', async () => {
    const url = await flow.draft(await world.changeset(author, 'queued'))
    const before = await flow.release(url)
    const count = await releases().countDocuments()
    const [, outsider] = [await world.person('app_admin'), await world.person('outsider')]
    for (const who of [author, reviewer, outsider]) {
      for (const [path, body] of [
        ['', { changeset_ids: [] }],
        [`/${idOf(url)}/changesets`, { changeset_ids: [] }],
        [`/${idOf(url)}/reorder`, { changeset_ids: [] }],
        [`/${idOf(url)}/assemble`, undefined],
        [`/${idOf(url)}/publish`, undefined],
      ] as const) {
        expect(outcome(await who.send('POST', `${world.app}/releases${path}`, body))).toEqual([403, 'forbidden'])
      }
    }
    for (const who of [author, reviewer]) expect((await who.get(url)).status).toBe(200)
    expect((await outsider.get(url)).status).toBe(403)
    expect((await world.anonymous.get(url)).status).toBe(401)
    expect((await world.anonymous.send('POST', `${url}/publish`)).status).toBe(401)
    expect(await flow.release(url)).toEqual(before)
    expect(await releases().countDocuments()).toBe(count)
    expect((await world.admin.send('POST', `${url}/assemble`)).status).toBe(200)
  })

  test("another app's release and changesets are not there", async () => {
    const changeset = await world.changeset(author, 'queued')
    const url = await flow.draft(changeset)
    const elsewhere = await world.anotherApp()
    const foreign = `${elsewhere}/releases/${idOf(url)}`
    const before = await flow.release(url)
    for (const answer of [
      await world.admin.get(foreign),
      await world.admin.send('POST', `${foreign}/changesets`, { changeset_ids: [] }),
      await world.admin.send('POST', `${foreign}/reorder`, { changeset_ids: [] }),
      await world.admin.send('POST', `${foreign}/assemble`),
      await world.admin.send('POST', `${foreign}/publish`),
      await world.admin.get(`${world.app}/releases/${'f'.repeat(24)}`),
    ]) {
      expect(outcome(answer)).toEqual([404, 'not_found'])
    }
    expect(await flow.release(url)).toEqual(before)
    // Chosen by its id from there, a changeset of here is as good as none.
    const ids = { changeset_ids: [idOf(changeset)] }
    expect(outcome(await world.admin.send('POST', `${elsewhere}/releases`, ids))).toEqual([409, 'conflict'])
    const draft = await world.admin.send('POST', `${elsewhere}/releases`, {})
    const theirs = `${elsewhere}/releases/${draft.body.data.id}`
    expect(outcome(await world.admin.send('POST', `${theirs}/changesets`, ids))).toEqual([409, 'conflict'])
    expect(outcome(await manager.send('POST', `${theirs}/publish`))).toEqual([403, 'forbidden'])
    for (const id of ['zz', `${'f'.repeat(23)}g`]) {
      expect((await manager.get(`${world.app}/releases/${id}`)).status).toBe(400)
      expect((await manager.send('POST', `${world.app}/releases/${id}/publish`)).status).toBe(400)
    }
  })

  test('no body is needed where nothing has to be said', async () => {
    const headers = { authorization: `Bearer ${manager.token}` }
    const bare = (path: string) => fetch(`http://${world.server.address}${path}`, { method: 'POST', headers })
    expect((await bare(`${world.app}/releases`)).status).toBe(201)
    expect((await bare(`${await flow.draft()}/assemble`)).status).toBe(400)
  })
})
