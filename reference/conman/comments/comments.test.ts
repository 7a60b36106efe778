/** Comments on changesets over the whole server: who may what, what is stored as it was written, and what is kept of it. */
import { createHash } from 'node:crypto'
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer } from '../test/server-process.ts'
import { createWorld, HAS_PARTS, idOf, type Person, type World } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('comments', () => {
  let world: World
  let author: Person
  let other: Person
  let changeset: string

  beforeAll(async () => {
    world = await createWorld()
    author = await world.person('user')
    other = await world.another('user')
    changeset = await world.changeset(author, 'submitted', { path: 'config/talk.yaml' })
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  const post = (body: unknown, who: Person = author, url = changeset) => who.send('POST', `${url}/comments`, body)
  const patch = (id: string, body: unknown, who: Person = author, url = changeset) =>
    who.send('PATCH', `${url}/comments/${id}`, body)
  const said = async (body: string, who: Person = author): Promise<string> => {
    const answer = await post({ body }, who)
    expect(answer.status).toBe(201)
    return answer.body.data.id
  }
  const stored = (id: string) => world.db.collection('changeset_comments').findOne({ _id: new ObjectId(id) })
  const revisions = (id: string) =>
    world.db
      .collection('changeset_comment_revisions')
      .find({ comment_id: new ObjectId(id) })
      .sort({ edited_at: 1 })
      .toArray()
  const audits = (id: string) =>
    world.db
      .collection('audit_events')
      .find({ entity_type: 'comment', entity_id: id })
      .sort({ occurred_at: 1 })
      .toArray()
  const listed = async (id: string, who: Person = author) => {
    const { data } = (await who.get(`${changeset}/comments?limit=100`)).body
    return data.find((comment: { id: string }) => comment.id === id)
  }
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

  test('have all their fields, and any member may write them', async () => {
    const answer = await post({ body: 'First' }, other)
    expect(answer.status).toBe(201)
    expect(answer.body.data).toEqual({
      id: expect.any(String),
      app_id: world.appId,
      changeset_id: idOf(changeset),
      author_user_id: other.id,
      body: 'First',
      file_path: null,
      line_number: null,
      parent_comment_id: null,
      resolved: false,
      edits: [],
      created_at: expect.any(String),
      updated_at: answer.body.data.created_at,
    })
    expect(await listed(answer.body.data.id, other)).toEqual(answer.body.data)
    expect(await audits(answer.body.data.id)).toMatchObject([
      {
        action: 'created',
        app_id: new ObjectId(world.appId),
        actor_user_id: new ObjectId(other.id),
        before: null,
        after: { resolved: false, body_length: 5, body_sha256: sha256('First') },
      },
    ])
  })

  test.each([
    ['HTML', '<script>alert("x")</script> & <b>bold</b>'],
    ['white space', ' \t lines\r\n\n and more  \n'],
    ['what looks like code', '{{7*7}} #{x} $where %00 \\u0000 <!--'],
    ['any script', 'Grüße, 你好, مرحبا, e\u0301 is not \u00e9, 👩‍👩‍👧‍👦, \u202eright to left'],
    ['control characters', 'a\0b\u0007c\u2028d'],
    ['one character', '.'],
    ['the longest text', 'x'.repeat(10_000)],
    ['the longest text of emoji', '😀'.repeat(10_000)],
  ])('%s is stored as it was written', async (_what, body) => {
    const id = await said(body)
    expect((await stored(id))?.body).toBe(body)
    expect((await listed(id)).body).toBe(body)
  })

  test.each([
    ['nothing', { body: '' }],
    ['white space alone', { body: ' \t\r\n\u00a0\u2003' }],
    ['one character too many', { body: 'x'.repeat(10_001) }],
    ['one emoji too many', { body: '😀'.repeat(10_001) }],
    ['a megabyte', { body: 'x'.repeat(1 << 20) }],
    ['half of a character', '{"body":"a \\ud800 b"}'],
    ['no text', { body: 7 }],
    ['an operator', { body: { $gt: '' } }],
    ['no body', {}],
    ['null', { body: null }],
    ['a line without a file', { body: 'x', line_number: 1 }],
    ['line 0', { body: 'x', file_path: 'config/talk.yaml', line_number: 0 }],
    ['a negative line', { body: 'x', file_path: 'config/talk.yaml', line_number: -1 }],
    ['half a line', { body: 'x', file_path: 'config/talk.yaml', line_number: 1.5 }],
    ['an endless line', { body: 'x', file_path: 'config/talk.yaml', line_number: 2 ** 40 }],
    ['a line as text', { body: 'x', file_path: 'config/talk.yaml', line_number: '1' }],
    ['a file outside of the diff', { body: 'x', file_path: 'README.md' }],
    ['a path that escapes', { body: 'x', file_path: '../config/talk.yaml' }],
    ['an empty path', { body: 'x', file_path: '' }],
    ['a malformed parent', { body: 'x', parent_comment_id: 'zz' }],
    ['a parent as an operator', { body: 'x', parent_comment_id: { $ne: null } }],
  ])('%s is refused, and nothing is stored', async (_what, body) => {
    const before = await world.db.collection('changeset_comments').countDocuments()
    const answer = await post(body)
    expect([answer.status, answer.body.error.code]).toEqual([400, 'validation_error'])
    expect(await world.db.collection('changeset_comments').countDocuments()).toBe(before)
  })

  test('point at files of the diff and at lines, by old names too', async () => {
    const workspace = await world.workspace(author)
    const text = Array.from({ length: 40 }, (_, n) => `line ${n}`).join('\n')
    await world.edit(author, workspace, 'old name.yaml', text)
    const begun = { workspace_id: idOf(workspace), title: 'Files' }
    const url = `${world.app}/changesets/${(await author.send('POST', `${world.app}/changesets`, begun)).body.data.id}`
    // A draft shows what would be handed in.
    expect((await post({ body: 'x', file_path: 'old name.yaml' }, author, url)).status).toBe(201)
    expect((await author.send('POST', `${url}/submit`, {})).status).toBe(200)
    const answer = await post({ body: 'x', file_path: 'old name.yaml', line_number: 12 }, other, url)
    expect(answer.body.data).toMatchObject({ file_path: 'old name.yaml', line_number: 12 })
    // What is edited later is not in what was handed in.
    await world.edit(author, workspace, 'later.yaml', 'x')
    expect((await post({ body: 'x', file_path: 'later.yaml' }, author, url)).status).toBe(400)
  })

  test('are replied to, also replies, within their changeset', async () => {
    const first = await said('Why?')
    const reply = await post({ body: 'Because.', parent_comment_id: first }, other)
    expect(reply.body.data.parent_comment_id).toBe(first)
    const next = await post({ body: 'Well.', parent_comment_id: reply.body.data.id })
    expect(next.body.data.parent_comment_id).toBe(reply.body.data.id)
    const elsewhere = await world.changeset(author, 'draft')
    for (const [parent, url] of [
      [first, elsewhere],
      ['f'.repeat(24), changeset],
    ] as const) {
      const answer = await post({ body: 'x', parent_comment_id: parent }, author, url)
      expect([answer.status, answer.body.error.code]).toEqual([404, 'not_found'])
    }
  })

  test('come in pages, oldest first', async () => {
    const url = await world.changeset(author, 'draft')
    const ids: string[] = []
    for (let n = 0; n < 7; n += 1) ids.push((await post({ body: `${n}` }, author, url)).body.data.id)
    const page = async (query: string) => (await author.get(`${url}/comments${query}`)).body
    expect((await page('')).pagination).toEqual({ page: 1, limit: 20, total: 7 })
    await expect.poll(async () => (await other.get(`${url}/comments`)).body.pagination.total).toBe(7)
    const pages = [await page('?limit=3'), await page('?limit=3&page=2'), await page('?limit=3&page=3')]
    expect(pages.flatMap(({ data }) => data).map(({ id }) => id)).toEqual(ids)
    expect((await page('?page=9')).data).toEqual([])
    for (const query of ['?page=0', '?limit=x', '?page=1&page=2']) {
      expect((await other.get(`${url}/comments${query}`)).status).toBe(400)
    }
  })

  describe('an edit', () => {
    test('keeps what was said before, oldest first', async () => {
      const id = await said('one')
      await patch(id, { body: 'two' })
      const answer = await patch(id, { body: ' three\n' })
      expect(answer.status).toBe(200)
      expect(answer.body.data).toMatchObject({
        body: ' three\n',
        edits: [{ previous_body: 'one' }, { previous_body: 'two' }],
      })
      expect(answer.body.data.updated_at > answer.body.data.created_at).toBe(true)
      expect(await listed(id)).toEqual(answer.body.data)
      expect((await revisions(id)).map(({ body }) => body)).toEqual(['one', 'two'])
      const [, , last] = await audits(id)
      expect(last).toMatchObject({
        action: 'edited',
        before: { resolved: false, body_length: 3, body_sha256: sha256('two') },
        after: { resolved: false, body_length: 7, body_sha256: sha256(' three\n') },
      })
      expect(JSON.stringify(await audits(id))).not.toContain('three')
    })

    test('that changes nothing writes nothing', async () => {
      const id = await said('same')
      const before = await stored(id)
      for (const body of [{}, { body: 'same' }, { body: null, resolved: null }, { resolved: false, other: 1 }]) {
        const answer = await patch(id, body)
        expect([answer.status, answer.body.data.edits]).toEqual([200, []])
      }
      expect(await stored(id)).toEqual(before)
      expect(await audits(id)).toHaveLength(1)
    })

    test.each([
      ['nothing', { body: '' }],
      ['white space', { body: ' \n' }],
      ['too much', { body: 'x'.repeat(10_001) }],
      ['a number', { body: 1 }],
      ['no boolean', { resolved: 'yes' }],
      ['an operator', { resolved: { $ne: true } }],
      ['too much beside what is right', { resolved: true, body: 'x'.repeat(10_001) }],
    ])('of %s is refused', async (_what, body) => {
      const id = await said('kept')
      const before = await stored(id)
      expect((await patch(id, body)).status).toBe(400)
      expect(await stored(id)).toEqual(before)
    })

    test("of another's text is forbidden, and resolves nothing with it; resolving alone is for every member", async () => {
      const id = await said('mine')
      const before = await stored(id)
      for (const who of [other, await world.person('reviewer'), world.admin]) {
        for (const body of [{ body: 'theirs' }, { body: 'mine' }, { body: 'theirs', resolved: true }, { body: '' }]) {
          expect((await patch(id, body, who)).status).toBe(403)
        }
      }
      expect(await stored(id)).toEqual(before)
      const resolved = await patch(id, { resolved: true }, other)
      expect(resolved.body.data).toMatchObject({ resolved: true, body: 'mine', edits: [] })
      expect((await patch(id, { resolved: false }, await world.person('reviewer'))).body.data.resolved).toBe(false)
      const rows = await audits(id)
      expect(rows.map(({ action, actor_user_id }) => [action, String(actor_user_id)])).toEqual([
        ['created', author.id],
        ['edited', other.id],
        ['edited', (await world.person('reviewer')).id],
      ])
      expect(rows[1]).toMatchObject({ before: { resolved: false }, after: { resolved: true } })
      expect((await patch(id, { body: 'both', resolved: true })).body.data).toMatchObject({
        body: 'both',
        resolved: true,
      })
    })

    test('thirty at once by two servers lose nothing of the history', async () => {
      await using second = await startServer(['--role', 'api'], world.env)
      const here = { ...author }
      const there = { ...author, ...second.client(author.token) }
      const id = await said('0')
      const texts = Array.from({ length: 30 }, (_, n) => `text ${n}`)
      const answers = await Promise.all([
        ...texts.map((body, n) => patch(id, { body }, n % 2 === 0 ? here : there)),
        ...Array.from({ length: 6 }, (_, n) => patch(id, { resolved: n % 2 === 0 }, n % 2 === 0 ? here : there)),
      ])
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
      const kept = (await revisions(id)).map(({ body }) => body)
      const now = (await stored(id))?.body
      expect([...kept, now].sort()).toEqual(['0', ...texts].sort())
      // Each entry is later than the one before, and the list shows them so.
      const times = (await revisions(id)).map(({ edited_at }) => edited_at.getTime())
      expect(new Set(times).size).toBe(30)
      await expect.poll(() => listed(id)).toMatchObject({ body: now })
      const shown = await listed(id)
      expect(shown.edits.map(({ previous_body }: { previous_body: string }) => previous_body)).toEqual(kept)
      for (const { body } of answers) expect(body.data.edits.at(-1)?.previous_body).not.toBe(body.data.body)
    })

    test('is later than the one before by any clock', async () => {
      const id = await said('one')
      const ahead = new Date(Date.now() + 3_600_000)
      const set = { $set: { updated_at: ahead } }
      await world.db.collection('changeset_comments').updateOne({ _id: new ObjectId(id) }, set)
      for (const body of ['two', 'three']) expect((await patch(id, { body })).status).toBe(200)
      const [first, second] = (await revisions(id)).map(({ edited_at }) => edited_at)
      expect(first > ahead && second > first).toBe(true)
      expect((await listed(id)).edits).toMatchObject([{ previous_body: 'one' }, { previous_body: 'two' }])
    })

    test('has an end', async () => {
      const id = await said('0')
      const rows = Array.from({ length: 100 }, (_, n) => ({
        comment_id: new ObjectId(id),
        body: `${n}`,
        edited_at: new Date(n),
      }))
      await world.db.collection('changeset_comment_revisions').insertMany(rows)
      expect((await patch(id, { body: 'one more' })).status).toBe(409)
      expect((await patch(id, { resolved: true })).status).toBe(200)
      expect((await stored(id))?.body).toBe('0')
    })
  })

  test('rows of Conman itself are shown with the edits that are in them', async () => {
    const now = new Date()
    const _id = new ObjectId()
    await world.db.collection('changeset_comments').insertOne({
      _id,
      app_id: new ObjectId(world.appId),
      changeset_id: new ObjectId(idOf(changeset)),
      author_user_id: new ObjectId(author.id),
      body: 'later',
      edits: [{ previous_body: 'earlier', edited_at: '2026-01-01T00:00:00Z' }],
      created_at: now,
      updated_at: now,
    })
    const answer = await patch(_id.toHexString(), { body: 'last' })
    expect(answer.body.data).toMatchObject({ file_path: null, resolved: false, body: 'last' })
    expect(answer.body.data.edits.map((edit: { previous_body: string }) => edit.previous_body)).toEqual([
      'earlier',
      'later',
    ])
  })

  test('are in no reach of strangers, and those of another app are not there', async () => {
    const id = await said('here')
    const outsider = await world.person('outsider')
    expect((await outsider.get(`${changeset}/comments`)).status).toBe(403)
    expect((await post({ body: 'x' }, outsider)).status).toBe(403)
    expect((await patch(id, { resolved: true }, outsider)).status).toBe(403)
    expect((await world.anonymous.get(`${changeset}/comments`)).status).toBe(401)
    const elsewhere = changeset.replace(world.app, await world.anotherApp())
    const draft = await world.changeset(author, 'draft')
    const absent = [
      await world.admin.get(`${elsewhere}/comments`),
      await post({ body: 'x' }, world.admin, elsewhere),
      await patch(id, { resolved: true }, world.admin, elsewhere),
      await patch(id, { resolved: true }, author, draft),
      await patch('f'.repeat(24), { resolved: true }),
      await post({ body: 'x' }, author, changeset.replace(idOf(changeset), 'f'.repeat(24))),
    ]
    expect(absent.map(({ status, body }) => [status, body.error.code])).toEqual(absent.map(() => [404, 'not_found']))
    expect((await patch('zz', { resolved: true })).status).toBe(400)
    expect((await author.send('DELETE', `${changeset}/comments/${id}`)).status).toBe(405)
    expect((await stored(id))?.resolved).toBe(false)
  })

  test('can be written in any state', async () => {
    for (const state of ['draft', 'queued', 'released', 'rejected', 'conflicted']) {
      const url = await world.changeset(author, 'draft')
      await world.db.collection('changesets').updateOne({ _id: new ObjectId(idOf(url)) }, { $set: { state } })
      expect((await post({ body: state }, other, url)).status).toBe(201)
    }
  })
})
