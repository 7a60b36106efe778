/** Looking into a changeset: its diff in two forms, and the services that are not there. */
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commitTo } from '../test/commit-to.ts'
import { createWorld, HAS_PARTS, idOf, type Person, type World } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('what is in a changeset', () => {
  let world: World
  let author: Person

  beforeAll(async () => {
    world = await createWorld()
    author = await world.person('user')
    commitTo(world, 'main', {
      'keep.txt': 'kept\n',
      'gone.txt': 'one\ntwo\n',
      'old.txt': Array.from({ length: 20 }, (_, n) => `line ${n}\n`).join(''),
    })
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  const semantic = async (url: string, who: Person = author) => (await who.get(`${url}/diff`)).body.data
  const raw = async (url: string) => (await author.get(`${url}/diff?format=raw`)).body.data

  /** A draft over every kind of change. */
  async function changeset(): Promise<{ url: string; workspace: string }> {
    const workspace = await world.workspace(author)
    await world.edit(author, workspace, 'keep.txt', 'kept\nand more\n')
    await world.edit(author, workspace, 'ordner/größe 1.yaml', 'a: 1\nb: 2\n')
    await author.send('DELETE', `${workspace}/files`, { path: 'gone.txt' })
    const content = world.git('show', 'main:old.txt')
    await author.send('DELETE', `${workspace}/files`, { path: 'old.txt' })
    await world.edit(author, workspace, 'new.txt', content)
    await author.send('PUT', `${workspace}/files`, {
      path: 'bytes.bin',
      content: Buffer.from([0, 255, 0]).toString('base64'),
    })
    const begun = { workspace_id: idOf(workspace), title: 'Kinds' }
    const answer = await author.send('POST', `${world.app}/changesets`, begun)
    return { url: `${world.app}/changesets/${answer.body.data.id}`, workspace }
  }

  const KINDS = [
    { path: 'bytes.bin', old_path: null, additions: 0, deletions: 0 },
    { path: 'gone.txt', old_path: null, additions: 0, deletions: 2 },
    { path: 'keep.txt', old_path: null, additions: 1, deletions: 0 },
    { path: 'new.txt', old_path: 'old.txt', additions: 0, deletions: 0 },
    { path: 'ordner/größe 1.yaml', old_path: null, additions: 2, deletions: 0 },
  ]

  test('is told file by file, or as one text', async () => {
    const { url } = await changeset()
    expect(await semantic(url)).toEqual(KINDS)
    const text = await raw(url)
    expect(text).toEqual({
      format: 'raw',
      content: expect.stringContaining('+and more\n'),
      base_sha: world.git('rev-parse', 'main').trim(),
      head_sha: expect.any(String),
    })
    expect(text.content).toContain('rename from old.txt\nrename to new.txt\n')
    expect(text.content).toContain('Binary files /dev/null and b/bytes.bin differ')
    // Both names of the parameter are understood.
    expect((await author.get(`${url}/diff?mode=raw`)).body.data).toEqual(text)
    expect((await author.get(`${url}/diff?mode=semantic&format=semantic`)).body.data).toEqual(KINDS)
  })

  test('goes from the base to what was handed in, whatever happens afterwards', async () => {
    const { url, workspace } = await changeset()
    await world.edit(author, workspace, 'in draft.txt', 'x\n')
    expect(await semantic(url)).toContainEqual({ path: 'in draft.txt', old_path: null, additions: 1, deletions: 0 })
    expect((await author.send('POST', `${url}/submit`, {})).status).toBe(200)
    const submitted = await raw(url)
    const { changeset: shown } = (await author.get(url)).body.data
    expect(submitted).toMatchObject({ base_sha: shown.base_sha, head_sha: shown.submitted_head_sha })
    await world.edit(author, workspace, 'later.txt', 'x\n')
    commitTo(world, 'main', { 'theirs.txt': 'x\n' })
    expect(await raw(url)).toEqual(submitted)
    expect((await semantic(url)).map(({ path }: { path: string }) => path)).not.toContain('later.txt')
    // After a sync the next revision has a new base, and nothing of integration in it.
    expect((await author.send('POST', `${workspace}/sync-integration`)).body.data.clean).toBe(true)
    expect(await raw(url)).toEqual(submitted)
    expect((await author.send('POST', `${url}/resubmit`, {})).status).toBe(200)
    expect(await semantic(url)).toEqual(
      [
        ...KINDS,
        ...['in draft.txt', 'later.txt'].map((path) => ({ path, old_path: null, additions: 1, deletions: 0 })),
      ].sort((a, b) => (a.path < b.path ? -1 : 1)),
    )
    expect((await raw(url)).base_sha).toBe(world.git('rev-parse', 'main').trim())
  })

  test('a draft without a change has an empty diff', async () => {
    const workspace = await world.workspace(author)
    const begun = { workspace_id: idOf(workspace), title: 'Empty' }
    const url = `${world.app}/changesets/${(await author.send('POST', `${world.app}/changesets`, begun)).body.data.id}`
    expect(await semantic(url)).toEqual([])
    expect((await raw(url)).content).toBe('')
  })

  test('a row of Conman itself, without a base, is compared with integration', async () => {
    const { url } = await changeset()
    await author.send('POST', `${url}/submit`, {})
    await world.db.collection('changesets').updateOne({ _id: new ObjectId(idOf(url)) }, { $unset: { base_sha: 1 } })
    expect((await raw(url)).base_sha).toBe(world.git('rev-parse', 'main').trim())
  })

  test('every member may look, and nobody else', async () => {
    const { url } = await changeset()
    const others = [await world.another('user'), await world.person('reviewer'), await world.person('config_manager')]
    for (const who of others) await expect.poll(() => semantic(url, who)).toEqual(KINDS)
    expect((await (await world.person('outsider')).get(`${url}/diff`)).status).toBe(403)
    expect((await world.anonymous.get(`${url}/diff`)).status).toBe(401)
    const elsewhere = url.replace(world.app, await world.anotherApp())
    for (const path of ['diff', 'diff?format=raw']) {
      expect((await world.admin.get(`${elsewhere}/${path}`)).status).toBe(404)
      expect((await author.get(`${world.app}/changesets/${'f'.repeat(24)}/${path}`)).status).toBe(404)
      expect((await author.get(`${world.app}/changesets/zz/${path}`)).status).toBe(400)
    }
  })

  test.each(['format=html', 'mode=', 'format=raw&mode=semantic', 'format=raw&format=raw', 'format=RAW'])(
    'the query %s is refused',
    async (query) => {
      const url = await world.changeset(author, 'draft')
      const answer = await author.get(`${url}/diff?${query}`)
      expect([answer.status, answer.body.error.code]).toEqual([400, 'validation_error'])
    },
  )

  test('there is no service that analyses or chats', async () => {
    const url = await world.changeset(author, 'draft')
    const asked = [
      ['analyze', {}],
      ['analyze', { focus: ['security'] }],
      ['chat', { message: 'Why?' }],
      ['chat', { message: 'Why?', file_paths: ['a'] }],
    ] as const
    for (const [action, body] of asked) {
      const answer = await author.send('POST', `${url}/${action}`, body)
      expect([action, answer.status, answer.body.error.code]).toEqual([action, 501, 'not_implemented'])
      const unknown = url.replace(idOf(url), 'f'.repeat(24))
      expect((await author.send('POST', `${unknown}/${action}`, body)).status).toBe(404)
      const elsewhere = url.replace(world.app, await world.anotherApp())
      expect((await world.admin.send('POST', `${elsewhere}/${action}`, body)).status).toBe(404)
      expect((await (await world.person('outsider')).send('POST', `${url}/${action}`, body)).status).toBe(403)
      expect((await world.anonymous.send('POST', `${url}/${action}`, body)).status).toBe(401)
    }
    for (const [action, body] of [
      ['analyze', { focus: 'x' }],
      ['chat', {}],
      ['chat', { message: 1 }],
      ['chat', { message: 'x', file_paths: [1] }],
    ] as const) {
      expect((await author.send('POST', `${url}/${action}`, body)).status).toBe(400)
    }
  })
})
