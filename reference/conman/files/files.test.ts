/** The files of a workspace over the whole server: what a path may be, what is stored, and what git has of it in the end. */
import fc from 'fast-check'
import { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commitTo } from '../test/commit-to.ts'
import { base64, createWorld, HAS_PARTS, idOf, type Person, type World } from '../test/world.ts'

describe.skipIf(!HAS_PARTS)('files', () => {
  let world: World
  let owner: Person
  let space: string

  beforeAll(async () => {
    world = await createWorld()
    owner = await world.person('user')
    space = await world.workspace(owner)
  })
  afterAll(() => world?.[Symbol.asyncDispose]())

  const put = (path: unknown, content: unknown = base64('x'), url = space, more: object = {}) =>
    owner.send('PUT', `${url}/files`, { path, content, ...more })
  const remove = (path: unknown, url = space) => owner.send('DELETE', `${url}/files`, { path })
  const get = (path: string, url = space) => owner.get(`${url}/files?path=${encodeURIComponent(path)}`)
  const branch = async (url = space) =>
    String((await world.db.collection('workspaces').findOne({ _id: new ObjectId(idOf(url)) }))?.branch_name)
  const head = async (url = space) => world.git('rev-parse', `refs/heads/${await branch(url)}`).trim()
  /** What git has, by path. */
  const tree = (commit: string) => {
    const entries = world
      .git('ls-tree', '-r', '-z', commit)
      .split('\0')
      .filter((line) => line !== '')
    return new Map(entries.map((line) => [line.slice(line.indexOf('\t') + 1), line.split(/\s/)[2] ?? '']))
  }

  const NO_PATHS: [string, unknown][] = [
    ['nothing', ''],
    ['white space', ' \t\n'],
    ['the root', '/'],
    ['here', '.'],
    ['up', '..'],
    ['/etc/passwd', '/etc/passwd'],
    ['../../etc/passwd', '../../etc/passwd'],
    ['..%2F..%2Fetc%2Fpasswd', '..%2F..%2Fetc%2Fpasswd'],
    ['..%252Fx', '..%252Fx'],
    ['two dots in a name', 'a..b'],
    ['./x', './x'],
    ['a/./b', 'a/./b'],
    ['a//b', 'a//b'],
    ['a/', 'a/'],
    ['//a', '//a'],
    ['a backslash', 'a\\b'],
    ['..\\x', '..\\x'],
    ['C:\\x', 'C:\\x'],
    ['NUL', 'a\0b'],
    ['NUL at the end', 'a.txt\0'],
    ['a line break', 'a\nb'],
    ['a control character', 'a\u0007b'],
    ['DEL', 'a\u007fb'],
    ['1025 bytes', `${'a'.repeat(200)}/`.repeat(5) + 'b'.repeat(20)],
    ['a megabyte', 'a/'.repeat(1 << 19)],
    ['a name of 256 bytes', 'a'.repeat(256)],
    ['a name of 256 bytes of umlauts', `x/${'ä'.repeat(128)}`],
    ['a number', 7],
    ['null', null],
    ['a list', ['a']],
    ['an operator', { $ne: '' }],
  ]

  test.each(NO_PATHS)('%s is no path', async (_what, path) => {
    const before = await head()
    for (const answer of [await put(path), await remove(path)]) {
      expect([answer.status, answer.body.error.code]).toEqual([400, 'validation_error'])
    }
    expect(await head()).toBe(before)
  })

  test('half of a character is no path', async () => {
    const before = await head()
    expect((await owner.send('PUT', `${space}/files`, '{"path":"a\\ud800b","content":"eA=="}')).status).toBe(400)
    expect((await owner.send('PUT', `${space}/files`, '{"path":"a","path":"b"}')).status).toBe(400)
    expect(await head()).toBe(before)
  })

  test.each([
    '.git',
    '.git/config',
    '.GIT/config',
    '.gIt/hooks/pre-commit',
    'sub/.git/config',
    'a/b/.Git',
    '.git./config',
    '.git /config',
    '.git . ./config',
    'git~1/config',
    'GIT~1',
    'git~2/x',
    '.git::$INDEX_ALLOCATION/config',
    '.git:x',
    '.g\u200cit/config',
    '\ufeff.git/config'.slice(1),
    '.git\u200d/config',
    '.\u2060git',
    '\uff0egit/config',
    '.\uff47\uff49\uff54/config',
    '.gitignore',
    '.GITIGNORE',
    '.gitignore.',
    '.git\u200bignore',
    '.github',
    '.github/workflows/ci.yml',
    '.GitHub/workflows/ci.yml',
    '.github /workflows/ci.yml',
    '.github./x',
    '.git\u200chub/x',
  ])('%j is not to be edited', async (path) => {
    const before = await head()
    for (const answer of [await put(path), await remove(path)]) {
      expect([answer.status, answer.body.error.code]).toEqual([403, 'forbidden'])
    }
    expect(await head()).toBe(before)
  })

  test('what an app blocks is blocked in every form of its letters, and only that', async () => {
    const settings = (await owner.get(world.app)).body.data.settings
    const change = (changes: object) => world.admin.send('PATCH', `${world.app}/settings`, changes)
    expect((await change({ blocked_paths: ['gehe\u0301im/**', 'config/prod.yaml'] })).status).toBe(200)
    try {
      for (const path of ['geh\u00e9im/a', 'gehe\u0301im/a', 'GEH\u00c9IM/a', 'geh\u00e9im', 'Config/PROD.yaml']) {
        expect([path, (await put(path)).status]).toEqual([path, 403])
      }
      for (const path of ['geheim/a', 'config/prod.yaml.bak', 'config/prod', 'x/config/prod.yaml']) {
        expect([path, (await put(path)).status]).toEqual([path, 200])
      }
      // Without a pattern for it, the git directory is closed all the same.
      expect((await put('.git/config')).status).toBe(403)
    } finally {
      await change({ blocked_paths: settings.blocked_paths })
    }
  })

  test.each([
    'plain.txt',
    'with space/and more.txt',
    'trailing dot.',
    'dir./x',
    'trailing space /x',
    '-rf',
    '--help/x',
    '~',
    'a~1',
    '*?[x].txt',
    '"quoted"',
    "it's",
    '$(id)`id`;|&',
    '%2e%2e',
    '#?&=+',
    'ünïcödé/你好/مرحبا.txt',
    '😀',
    'e\u0301.txt',
    '\u00e9.txt',
    'K\u212a',
    '\u202egnp.exe',
    '.gitattributes',
    'src/.gitignore',
    'a.git/b',
    'a'.repeat(255),
    `${'d'.repeat(100)}/`.repeat(10) + 'f'.repeat(14),
  ])('%j is stored under its name', async (path) => {
    const answer = await put(path, base64(`of ${path}`))
    expect(answer).toMatchObject({ status: 200, body: { data: { path } } })
    const { commit_sha } = answer.body.data
    expect(tree(commit_sha).has(path)).toBe(true)
    expect(world.git('show', `${commit_sha}:${path}`)).toBe(`of ${path}`)
    const read = (await get(path)).body.data
    expect(read).toEqual({
      path,
      content: base64(`of ${path}`),
      size: Buffer.byteLength(`of ${path}`),
      oid: tree(commit_sha).get(path),
    })
    const removed = await remove(path)
    expect(removed.status).toBe(200)
    expect(tree(removed.body.data.commit_sha).has(path)).toBe(false)
    expect((await get(path)).status).toBe(404)
  })

  test('two forms of one letter are two files', async () => {
    const [composed, decomposed] = ['forms/\u00e9', 'forms/e\u0301'] as const
    await put(composed, base64('composed'))
    await put(decomposed, base64('decomposed'))
    expect((await get(composed)).body.data.content).toBe(base64('composed'))
    const { entries } = (await get('forms')).body.data
    expect(entries.map(({ path }: { path: string }) => path).sort()).toEqual([composed, decomposed].sort())
  })

  test('a file is no directory, and a directory no file', async () => {
    await put('place/file', base64('a file'))
    const before = await head()
    const refused: [string, { status: number }, number][] = [
      ['a file below a file', await put('place/file/below'), 409],
      ['a file deep below a file', await put('place/file/deep/below'), 409],
      ['a file in the place of a directory', await put('place'), 400],
      ['removing a directory', await remove('place'), 400],
      ['removing what is below a file', await remove('place/file/below'), 404],
      ['reading what is below a file', await get('place/file/below'), 404],
    ]
    for (const [what, { status }, expected] of refused) expect([what, status]).toEqual([what, expected])
    expect(await head()).toBe(before)
    // An emptied directory is none any more.
    await remove('place/file')
    expect((await get('place')).status).toBe(404)
    expect((await put('place')).status).toBe(200)
  })

  test('directories are listed one level deep, directories first, by name', async () => {
    const url = await world.workspace(owner)
    for (const path of ['l/b.txt', 'l/a/x', 'l/Z/x/y', 'l/a.txt', 'l/é']) await put(path, base64('x'), url)
    const list = (await get('l', url)).body.data
    expect(list.path).toBe('l')
    expect(list.entries.map(({ type, path }: { type: string; path: string }) => `${type} ${path}`)).toEqual([
      'dir l/Z',
      'dir l/a',
      'file l/a.txt',
      'file l/b.txt',
      'file l/é',
    ])
    for (const path of ['', '/', '%20']) {
      const root = (await owner.get(`${url}/files?path=${path}`)).body.data
      expect(root.entries.map(({ path }: { path: string }) => path)).toEqual(['l', 'README.md'])
    }
    expect((await owner.get(`${url}/files?path=a&path=b`)).status).toBe(400)
    for (const path of ['../x', '/etc/passwd', 'a\0b', 'l/']) expect((await get(path, url)).status).toBe(400)
    // The last file can go too.
    for (const path of ['README.md', 'l/b.txt', 'l/a/x', 'l/Z/x/y', 'l/a.txt', 'l/é']) await remove(path, url)
    expect((await get('', url)).body.data.entries).toEqual([])
    expect((await put('again', base64('x'), url)).status).toBe(200)
  })

  test.each([
    ['raw text', 'config: 1'],
    ['no padding', 'YQ'],
    ['too much padding', 'YQ==='],
    ['padding inside', 'YQ==YQ=='],
    ['the alphabet of URLs', 'a-_='],
    ['a line break', 'YQ==\n'],
    ['white space', ' '],
    ['a number', 1],
    ['null', null],
    ['an object', {}],
  ])('content that is %s is no base64', async (_what, content) => {
    const before = await head()
    expect((await put('content.txt', content)).status).toBe(400)
    expect(await head()).toBe(before)
  })

  test('every byte is kept, and no byte too', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n))
    await put('bytes.bin', bytes.toString('base64'))
    expect(Buffer.from((await get('bytes.bin')).body.data.content, 'base64').equals(bytes)).toBe(true)
    await put('empty', '')
    expect((await get('empty')).body.data).toMatchObject({ content: '', size: 0 })
  })

  test("the app's limit counts decoded bytes", async () => {
    const change = (file_size_limit_bytes: number) =>
      world.admin.send('PATCH', `${world.app}/settings`, { file_size_limit_bytes })
    await change(10)
    try {
      expect((await put('limit', base64('0123456789'))).status).toBe(200)
      const before = await head()
      expect((await put('limit', base64('0123456789!'))).status).toBe(400)
      expect(await head()).toBe(before)
    } finally {
      await change(5_242_880)
    }
  })

  test('messages are what was sent, or say what was done', async () => {
    const message = async (answer: { body: { data: { commit_sha: string } } }) =>
      world.git('log', '-1', '--format=%B', answer.body.data.commit_sha).trim()
    expect(await message(await put('m', base64('1')))).toBe('update m')
    expect(await message(await put('m', base64('2'), space, { message: ' Why\n\nBecause. ' }))).toBe('Why\n\nBecause.')
    expect(await message(await put('m', base64('3'), space, { message: ' ' }))).toBe('update m')
    expect(await message(await put('m', base64('4'), space, { message: null }))).toBe('update m')
    expect(await message(await remove('m'))).toBe('delete m')
    for (const wrong of ['x'.repeat(10_001), 'a\0b', 1, {}]) {
      expect((await put('m', base64('5'), space, { message: wrong })).status).toBe(400)
    }
    expect((await get('m')).status).toBe(404)
  })

  test('content that is there already makes no commit', async () => {
    const { commit_sha } = (await put('same', base64('same'))).body.data
    const before = await head()
    expect((await put('same', base64('same'))).body.data.commit_sha).toBe(before)
    expect(await head()).toBe(commit_sha)
  })

  test('the mode of a file stays, and nothing is written through a link', async () => {
    const name = await branch()
    commitTo(world, name, { 'run.sh': 'echo 1\n' })
    // A script, and a link to a directory outside.
    const blob = world.git('rev-parse', `${name}:run.sh`).trim()
    world.git('read-tree', name)
    world.git('update-index', '--add', '--cacheinfo', `100755,${blob},run.sh`)
    world.git('update-index', '--add', '--cacheinfo', `120000,${blob},link`)
    const author = ['-c', 'user.name=S', '-c', 'user.email=s@example.com']
    const commit = world.git(...author, 'commit-tree', '-p', name, '-m', 'modes', world.git('write-tree').trim()).trim()
    world.git('update-ref', `refs/heads/${name}`, commit)
    expect((await put('run.sh', base64('echo 2\n'))).status).toBe(200)
    expect(world.git('ls-tree', await head(), 'run.sh')).toMatch(/^100755 /)
    expect((await put('link/x')).status).toBe(409)
    expect((await put('new.sh')).status).toBe(200)
    expect(world.git('ls-tree', await head(), 'new.sh')).toMatch(/^100644 /)
  })

  test('one path written by twenty at once: each commit has what its writer sent', async () => {
    const url = await world.workspace(owner)
    const before = await head(url)
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => put('hot', base64(`${n}`), url)))
    for (const [n, { status, body }] of answers.entries()) {
      expect(status).toBe(200)
      expect(world.git('show', `${body.data.commit_sha}:hot`)).toBe(`${n}`)
    }
    expect(world.git('rev-list', '--count', `${before}..${await head(url)}`).trim()).toBe('20')
    expect((await owner.get(url)).body.data.head_sha).toBe(await head(url))
  })

  test('only the owner reads and writes, and what is of another app is not there', async () => {
    await put('owned', base64('mine'))
    const before = await head()
    const body = { path: 'owned', content: base64('theirs') }
    const others = [
      await world.another('user'),
      await world.person('reviewer'),
      await world.person('config_manager'),
      world.admin,
      await world.person('outsider'),
    ]
    for (const who of others) {
      const answers = [
        await who.get(`${space}/files?path=owned`),
        await who.get(`${space}/files`),
        await who.send('PUT', `${space}/files`, body),
        await who.send('DELETE', `${space}/files`, { path: 'owned' }),
      ]
      expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403])
    }
    expect((await world.anonymous.send('PUT', `${space}/files`, body)).status).toBe(401)
    const elsewhere = space.replace(world.app, await world.anotherApp())
    expect((await world.admin.send('PUT', `${elsewhere}/files`, body)).status).toBe(404)
    expect((await world.admin.get(`${elsewhere}/files`)).status).toBe(404)
    expect((await owner.send('DELETE', `${space}/files`)).status).toBe(400)
    expect(await head()).toBe(before)
  })

  describe('whatever is written and deleted, git has what the answers said', () => {
    const segment = fc.constantFrom('a', 'b', 'ä', 'x y', 'Z.')
    const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'))
    const content = fc.oneof(fc.constantFrom('', '0', '1'), fc.string({ maxLength: 40, unit: 'binary' }))
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ path, content: content.map((text): string | null => text) }) },
      { weight: 2, arbitrary: fc.record({ path, content: fc.constant(null) }) },
    )

    /** What is stored, as it ought to be. */
    class Model {
      readonly files = new Map([['README.md', Buffer.from(`# app-${world.run}\n`)]])

      isDirectory(path: string): boolean {
        return [...this.files.keys()].some((file) => file.startsWith(`${path}/`))
      }
      isBelowFile(path: string): boolean {
        return [...this.files.keys()].some((file) => path.startsWith(`${file}/`))
      }
      /** The status of the answer, after which the model has what was asked for. */
      apply(path: string, content: string | null): number {
        if (this.isDirectory(path)) return 400
        if (content === null) return this.files.delete(path) ? 200 : 404
        if (this.isBelowFile(path)) return 409
        this.files.set(path, Buffer.from(content))
        return 200
      }
    }

    async function expectAs(model: Model, url: string): Promise<void> {
      const at = await head(url)
      const found = [...tree(at).keys()]
      expect(found.sort()).toEqual([...model.files.keys()].sort())
      for (const [path, content] of model.files) {
        expect(Buffer.from((await get(path, url)).body.data.content, 'base64').equals(content)).toBe(true)
      }
      expect((await owner.get(url)).body.data.head_sha).toBe(at)
    }

    test('one after the other', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
          const [url, model] = [await world.workspace(owner), new Model()]
          for (const { path, content } of steps) {
            const answer = await (content === null ? remove(path, url) : put(path, base64(content), url))
            expect([path, answer.status]).toEqual([path, model.apply(path, content)])
            if (answer.status === 200) expect(answer.body.data.commit_sha).toBe(await head(url))
          }
          await expectAs(model, url)
        }),
        { numRuns: 25 },
      )
    })

    test('at the same time, where they do not touch each other', async () => {
      const apart = fc.uniqueArray(fc.nat({ max: 30 }), { minLength: 4, maxLength: 20 })
      await fc.assert(
        fc.asyncProperty(apart, fc.array(content, { minLength: 20, maxLength: 20 }), async (numbers, contents) => {
          const [url, model] = [await world.workspace(owner), new Model()]
          for (const n of numbers.filter((one) => one % 3 === 0)) {
            await put(`d${n % 2}/${n}`, base64('first'), url)
            model.apply(`d${n % 2}/${n}`, 'first')
          }
          await Promise.all(
            numbers.map(async (n, at) => {
              const [path, content] = [`d${n % 2}/${n}`, n % 4 === 0 ? null : (contents[at] ?? '')]
              const answer = await (content === null ? remove(path, url) : put(path, base64(content), url))
              expect([path, answer.status]).toEqual([path, model.apply(path, content)])
            }),
          )
          await expectAs(model, url)
        }),
        { numRuns: 10 },
      )
    })
  })
})
