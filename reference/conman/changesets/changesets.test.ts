/** Changesets over the whole server: what each role may do, what each state allows, and what is left behind. */
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHANGESET_STATES } from '../mongo/documents.ts'
import type { Answer } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, idOf, type Person, type World } from '../test/world.ts'
import { ACTIONS, type Action } from './machine.ts'

describe.skipIf(!HAS_PARTS)('changesets', () => {
  let world: World
  let author: Person
  let reviewer: Person
  let manager: Person

  beforeAll(async () => {
    world = await createWorld()
    ;[author, reviewer, manager] = await Promise.all([
      world.person('user'),
      world.person('reviewer'),
      world.person('config_manager'),
    ])
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  const changesets = () => world.db.collection('changesets')
  const _id = (url: string) => new ObjectId(idOf(url))
  const state = async (url: string) => (await changesets().findOne({ _id: _id(url) }))?.state
  const audits = (url: string) =>
    world.db
      .collection('audit_events')
      .find({ entity_type: 'changeset', entity_id: idOf(url) })
      .sort({ occurred_at: 1 })
      .toArray()

  test('go from draft to the queue, each step told, recorded and mailed', async () => {
    const url = await world.changeset(author, 'queued', { title: 'First' })
    const { changeset } = (await author.get(url)).body.data
    expect(changeset).toMatchObject({
      title: 'First',
      state: 'queued',
      revision: 1,
      approval_count: 1,
      queue_position: 1,
      submitted_head_sha: changeset.head_sha,
    })
    expect(changeset.base_sha).toBe(world.git('rev-parse', 'main').trim())
    const rows = await audits(url)
    expect(rows.map(({ action }) => action)).toEqual(['created', 'submitted', 'approved', 'queued'])
    expect(rows.map(({ actor_user_id }) => String(actor_user_id))).toEqual([
      author.id,
      author.id,
      reviewer.id,
      manager.id,
    ])
    expect(rows[2]).toMatchObject({ before: { state: 'submitted' }, after: { state: 'approved' } })
    const told = (event: string) =>
      world
        .mails()
        .filter(({ event_type, subject }) => event_type === event && subject.includes('First'))
        .map(({ recipient_email }) => recipient_email)
        .sort()
    await expect
      .poll(() => told('changeset_submitted'))
      .toEqual(['admin@example.com', manager.email, reviewer.email].sort())
    expect(told('changeset_approved')).toEqual([author.email])
    // The manager who queued it is not told.
    await expect.poll(() => told('changeset_queued')).toEqual(['admin@example.com', author.email].sort())
  })

  test('of parallel ones on one workspace exactly one is opened', async () => {
    const workspace = idOf(await world.workspace(author))
    const tries = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        author.send('POST', `${world.app}/changesets`, { workspace_id: workspace, title: `T${index}` }),
      ),
    )
    expect(tries.map(({ status }) => status).sort()).toEqual([201, ...Array(11).fill(409)])
    expect(await changesets().countDocuments({ workspace_id: new ObjectId(workspace) })).toBe(1)
  })

  test('only the owner of the workspace opens one, and only with a title', async () => {
    const workspace_id = idOf(await world.workspace(author))
    const open = (who: Person, body: object) => who.send('POST', `${world.app}/changesets`, body)
    expect((await open(manager, { workspace_id, title: 'x' })).status).toBe(403)
    expect((await open(author, { workspace_id, title: ' ' })).status).toBe(400)
    expect((await open(author, { workspace_id: 'f'.repeat(24), title: 'x' })).status).toBe(404)
    expect((await open(author, { workspace_id: 'zz', title: 'x' })).status).toBe(400)
    expect((await open(author, { workspace_id, title: { $gt: '' } })).status).toBe(400)
    expect(
      (await open(author, { workspace_id, title: 'x', state: 'approved', author_user_id: manager.id })).body.data,
    ).toMatchObject({ state: 'draft', author_user_id: author.id })
  })

  /** How each action is asked for, by whom it is allowed, and what it makes of an allowed state. */
  const asked: Record<Action, { by: () => Person; send: (url: string, who: Person) => Promise<Answer>; to?: string }> =
    {
      edit: { by: () => author, send: (url, who) => who.send('PATCH', url, { title: 'Edited' }) },
      submit: { by: () => author, send: (url, who) => who.send('POST', `${url}/submit`, {}), to: 'submitted' },
      resubmit: { by: () => author, send: (url, who) => who.send('POST', `${url}/resubmit`, {}), to: 'submitted' },
      approve: {
        by: () => reviewer,
        send: (url, who) => who.send('POST', `${url}/review`, { action: 'approve' }),
        to: 'approved',
      },
      request_changes: {
        by: () => reviewer,
        send: (url, who) => who.send('POST', `${url}/review`, { decision: 'changes_requested' }),
        to: 'changes_requested',
      },
      reject: {
        by: () => reviewer,
        send: (url, who) => who.send('POST', `${url}/review`, { action: 'reject' }),
        to: 'rejected',
      },
      queue: { by: () => manager, send: (url, who) => who.send('POST', `${url}/queue`), to: 'queued' },
      move_to_draft: { by: () => author, send: (url, who) => who.send('POST', `${url}/move-to-draft`), to: 'draft' },
    }

  test('every action in every state: allowed where the table says so, refused and without effect elsewhere', async () => {
    const url = await world.changeset(author, 'submitted')
    await expect
      .poll(() => world.db.collection('jobs').countDocuments({ entity_id: idOf(url), state: 'succeeded' }))
      .toBe(1)
    const workspace = `${world.app}/workspaces/${(await changesets().findOne({ _id: _id(url) }))?.workspace_id}`
    const original = await changesets().findOne({ _id: _id(url) })
    for (const from of CHANGESET_STATES) {
      for (const [action, { by, send, to }] of Object.entries(asked)) {
        // Each is tried on the same changeset, put into the state by hand, with a head that has not been submitted.
        await world.edit(author, workspace, 'config/moving.yaml', `${from} ${action}\n`)
        const place = from === 'queued' ? { queue_position: 1, queued_at: new Date() } : {}
        const { _id: id, ...fields } = original!
        await changesets().replaceOne({ _id: id }, { ...fields, ...place, state: from, approvals: [] })
        await world.db.collection('changeset_revisions').deleteMany({ changeset_id: id, revision: { $gt: 1 } })
        const before = await changesets().findOne({ _id: id })
        const answer = await send(url, by())
        const allowed = (ACTIONS[action as Action] as readonly string[]).includes(from)
        const what = `${action} of a changeset that is ${from}`
        if (action === 'queue' && allowed) {
          // Its suite has run for it and it contains integration, so it goes in.
          expect([what, answer.status, await state(url)]).toEqual([what, 200, 'queued'])
        } else if (allowed) {
          expect([what, answer.status]).toEqual([what, 200])
          expect([what, await state(url)]).toEqual([what, to ?? from])
        } else {
          const code = action === 'queue' ? 'conflict' : 'invalid_transition'
          expect([what, answer.status, answer.body.error.code]).toEqual([what, 409, code])
          expect(await changesets().findOne({ _id: id })).toEqual(before)
        }
      }
    }
  })

  test('nobody acts without the role, the authorship, or on an own changeset', async () => {
    const url = await world.changeset(author, 'submitted')
    const other = await world.another('user')
    const outsider = await world.person('outsider')
    const refused: [string, Promise<{ status: number }>][] = [
      ['a user reviews', author.send('POST', `${url}/review`, { action: 'approve' })],
      ['a reviewer queues', reviewer.send('POST', `${url}/queue`)],
      ['another user edits', other.send('PATCH', url, { title: 'x' })],
      ['another user submits', other.send('POST', `${url}/submit`, {})],
      ['another user resubmits', other.send('POST', `${url}/resubmit`, {})],
      ['a manager submits', manager.send('POST', `${url}/submit`, {})],
      ['another user moves to draft', other.send('POST', `${url}/move-to-draft`)],
      ['another user writes overrides', other.send('PUT', `${url}/profile-overrides`, { profile_overrides: [] })],
      ['an outsider reads', outsider.get(url)],
    ]
    for (const [what, answer] of refused) expect([what, (await answer).status]).toEqual([what, 403])
    expect((await world.anonymous.get(url)).status).toBe(401)

    const own = await world.changeset(manager, 'submitted')
    expect((await manager.send('POST', `${own}/review`, { action: 'approve' })).status).toBe(403)
    expect(await state(own)).toBe('submitted')
  })

  test('one of another app is not there', async () => {
    const url = await world.changeset(author, 'draft')
    const elsewhere = url.replace(world.app, await world.anotherApp())
    for (const answer of [
      await world.admin.get(elsewhere),
      await world.admin.send('PATCH', elsewhere, { title: 'x' }),
      await world.admin.send('POST', `${elsewhere}/move-to-draft`),
      await world.admin.send('POST', `${elsewhere}/review`, { action: 'reject' }),
      await world.admin.send('POST', `${elsewhere}/queue`),
      await world.admin.get(url.replace(idOf(url), 'f'.repeat(24))),
    ]) {
      expect([answer.status, answer.body.error.code]).toEqual([404, 'not_found'])
    }
    expect((await world.admin.get(`${world.app}/changesets/zz`)).status).toBe(400)
    expect(await state(url)).toBe('draft')
  })

  test('without a change there is nothing to submit', async () => {
    const workspace = await world.workspace(author)
    const begun = { workspace_id: idOf(workspace), title: 'Empty' }
    const url = `${world.app}/changesets/${(await author.send('POST', `${world.app}/changesets`, begun)).body.data.id}`
    expect((await author.send('POST', `${url}/submit`, {})).status).toBe(400)
    await world.edit(author, workspace, 'a.txt', 'a')
    expect((await author.send('POST', `${url}/submit`, {})).status).toBe(200)
    expect((await author.send('POST', `${url}/resubmit`, {})).status).toBe(400)
    await world.edit(author, workspace, 'a.txt', 'b')
    const again = await author.send('POST', `${url}/resubmit`, {})
    expect(again).toMatchObject({ status: 200, body: { data: { changeset: { revision: 2, state: 'submitted' } } } })
    const revisions = await world.db.collection('changeset_revisions').countDocuments({ changeset_id: _id(url) })
    expect(revisions).toBe(2)
  })

  test('the gate is the job of the present revision, not of an older one', async () => {
    const workspace = await world.workspace(author)
    await world.edit(author, workspace, 'gate.txt', '1')
    const begun = { workspace_id: idOf(workspace), title: 'Gate' }
    const url = `${world.app}/changesets/${(await author.send('POST', `${world.app}/changesets`, begun)).body.data.id}`
    const first = await author.send('POST', `${url}/submit`, {})
    await world.job(first.body.data.job.id)
    await world.edit(author, workspace, 'gate.txt', '2')
    const second = await author.send('POST', `${url}/resubmit`, {})
    const job = await world.job(second.body.data.job.id)
    await world.db.collection('jobs').updateOne({ _id: new ObjectId(job.id) }, { $set: { state: 'failed' } })
    const refused = await reviewer.send('POST', `${url}/review`, { action: 'approve' })
    expect([refused.status, refused.body.error.code]).toEqual([409, 'conflict'])
    expect(refused.body.error.message).toContain(
      'changeset submit gate not satisfied; latest msuite_submit job is failed',
    )
    // A failed suite may have had a passing reason: the same head can be handed in again, or be sent back.
    expect((await author.send('POST', `${url}/resubmit`, {})).status).toBe(200)
    expect((await reviewer.send('POST', `${url}/review`, { action: 'request_changes' })).status).toBe(200)
  })

  test('lists filter by state, in pages, newest change first', async () => {
    await world.changeset(author, 'draft')
    const list = async (query: string) => (await author.get(`${world.app}/changesets${query}`)).body
    const all = await list('?limit=100')
    expect(all.pagination).toMatchObject({ page: 1, limit: 100, total: all.data.length })
    const times = all.data.map(({ updated_at }: { updated_at: string }) => updated_at)
    expect(times).toEqual([...times].sort().reverse())
    for (const wanted of ['draft', 'queued', 'draft,submitted']) {
      const filtered = await list(`?state=${wanted}&limit=100`)
      const expected = all.data.filter(({ state }: { state: string }) => wanted.split(',').includes(state))
      expect(filtered.data.length).toBeGreaterThan(0)
      expect(filtered.data.map(({ id }: { id: string }) => id)).toEqual(expected.map(({ id }: { id: string }) => id))
      expect(filtered.pagination.total).toBe(expected.length)
    }
    const pages = [await list('?limit=2&page=1'), await list('?limit=2&page=2')]
    expect(pages.flatMap(({ data }) => data).map(({ id }) => id)).toEqual(
      all.data.slice(0, 4).map(({ id }: { id: string }) => id),
    )
    expect((await list('?page=9999')).data).toEqual([])
    expect((await author.get(`${world.app}/changesets?state=none`)).status).toBe(400)
    expect((await author.get(`${world.app}/changesets?state[$ne]=draft`)).body.pagination?.total ?? 0).toBe(
      all.pagination.total,
    )
  })
})
