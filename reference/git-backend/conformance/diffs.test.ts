// DiffService: what differs between two revisions (contract 4.6).

import { status as Code } from '@grpc/grpc-js'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Reply } from '../client.ts'
import { gitBytesOn, gitOn } from '../temporary-backend.ts'
import {
  bytes,
  client,
  commit,
  createTag,
  DELETE,
  directory,
  expectFailure,
  MOVE,
  oidOf,
  repository,
  tip,
  UPDATE,
  useBackend,
  ZERO,
} from './backend.ts'

useBackend()

const sides = (left: string, right: string) => ({ repository, left_commit_id: left, right_commit_id: right })
const rawDiff = async (left: string, right: string) =>
  Buffer.concat((await client.list('DiffService', 'RawDiff', sides(left, right))).map(({ data }) => data))
const diffStats = async (left: string, right: string): Promise<Reply[]> =>
  (await client.list('DiffService', 'DiffStats', sides(left, right))).flatMap(({ stats }) => stats)
const commitDiff = (left: string, right: string, fields: object = {}): Promise<Reply[]> =>
  client.list('DiffService', 'CommitDiff', { ...sides(left, right), max_patch_bytes: 2147483647, ...fields })

const none = bytes('')

beforeEach(async () => {
  await commit('main', [
    { path: 'kept', content: 'line\n'.repeat(50) },
    { path: 'gone', content: 'gone\n' },
    { path: 'edited', content: 'old\n' },
  ])
  await commit(
    'ws',
    [
      { action: MOVE, path: 'renämed', fields: { previous_path: bytes('kept'), infer_content: true } },
      { action: DELETE, path: 'gone' },
      { action: UPDATE, path: 'edited', content: 'new\nlines\n' },
      { path: 'binary', content: Buffer.from([0, 1, 2, 255]) },
    ],
    { start_branch_name: bytes('main') },
  )
})

describe('RawDiff', () => {
  test('is a text with whole ids in the index lines', async () => {
    const text = (await rawDiff('main', tip('ws'))).toString()
    expect(text).toMatch(
      /index [0-9a-f]{40}\.\.[0-9a-f]{40} 100644\n--- a\/edited\n\+\+\+ b\/edited\n@@ -1 \+1,2 @@\n-old\n\+new\n\+lines\n/,
    )
    expect(text).toContain('rename to "ren\\303\\244med"')
  })

  test('of the same is no message at all', async () => {
    expect(await client.list('DiffService', 'RawDiff', sides('main', 'main'))).toEqual([])
    expect(await client.list('DiffService', 'DiffStats', sides('main', 'main'))).toEqual([])
    expect(await client.list('DiffService', 'CommitDiff', sides('main', 'main'))).toEqual([])
  })

  test('compares the two points, not the merge base, whatever names them', async () => {
    await commit('main', [{ path: 'later', content: 'later\n' }])
    const stats = await diffStats('main', 'ws')
    expect(stats.map(({ path }) => path.toString())).toContain('later')
    await createTag('annotated', 'ws', 'a tag')
    const text = await rawDiff('main', 'ws')
    for (const right of ['refs/heads/ws', 'annotated', tip('ws'), tip('ws').slice(0, 12), oidOf('ws^{tree}')]) {
      expect((await rawDiff(tip('main'), right)).equals(text), right).toBe(true)
    }
    expect(text.equals(gitBytesOn(directory(), ['diff', '--full-index', '-M', 'main', 'ws']))).toBe(true)
  })

  test('of a large change comes in messages of at most 128 KiB', async () => {
    await commit('ws', [{ path: 'large', content: 'x'.repeat(100).concat('\n').repeat(20_000) }])
    const replies = await client.list('DiffService', 'RawDiff', sides('main', 'ws'))
    expect(replies.length).toBeGreaterThan(10)
    expect(Math.max(...replies.map(({ data }) => data.length))).toBeLessThanOrEqual(128 * 1024)
    expect(Buffer.concat(replies.map(({ data }) => data)).length).toBeGreaterThan(2_000_000)
  })
})

describe('DiffStats', () => {
  test('are counts, with both names of what was renamed', async () => {
    expect(await diffStats('main', 'ws')).toEqual([
      { path: bytes('binary'), additions: 0, deletions: 0, old_path: none },
      { path: bytes('edited'), additions: 2, deletions: 1, old_path: none },
      { path: bytes('gone'), additions: 0, deletions: 1, old_path: none },
      { path: bytes('renämed'), additions: 0, deletions: 0, old_path: bytes('kept') },
    ])
  })

  test('of names with tabs, line feeds, quotes and arrows', async () => {
    const names = ['a\tb', 'a\nb', '"q"', 'a => b', '{x => y}/z', ' ', "it's"]
    await commit(
      'ws',
      names.map((path) => ({ path, content: 'one\ntwo\n' })),
    )
    const stats = await diffStats('ws~1', 'ws')
    expect(stats.map(({ path }) => path.toString()).sort()).toEqual([...names].sort())
    for (const { additions, deletions, old_path } of stats)
      expect([additions, deletions, old_path]).toEqual([2, 0, none])
  })

  test('against the empty tree count everything', async () => {
    const stats = await diffStats('4b825dc642cb6eb9a060e54bf8d69288fbee4904', 'main')
    expect(stats.map(({ path, additions }) => [path.toString(), additions])).toEqual([
      ['edited', 1],
      ['gone', 1],
      ['kept', 50],
    ])
  })

  test('of 10,000 files stay below 1 MiB a message', async () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `many/${'n'.repeat(90)}-${index}`)
    const stream = ['commit refs/heads/many\ncommitter C <c@example.com> 1600000000 +0000\ndata 1\nm\n'].concat(
      names.map((name) => `M 100644 inline ${name}\ndata 2\nx\n`),
    )
    gitOn(directory(), ['fast-import', '--quiet'], stream.join(''))
    const replies = await client.list('DiffService', 'DiffStats', sides('main', 'many'))
    expect(replies.length).toBeGreaterThan(1)
    expect(replies.flatMap(({ stats }) => stats)).toHaveLength(10_003)
  })
})

describe('CommitDiff', () => {
  test('goes file by file, the patch from its first hunk on', async () => {
    const replies = await commitDiff('main', 'ws')
    expect(replies.map(({ to_path }) => to_path.toString())).toEqual(['binary', 'edited', 'gone', 'renämed'])
    const [binary, edited, gone, renamed] = replies
    expect(binary).toMatchObject({
      binary: true,
      from_id: ZERO,
      from_path: bytes('binary'),
      to_id: oidOf('ws:binary'),
      old_mode: 0,
      new_mode: 33188,
      lines_added: 0,
      raw_patch_data: bytes('Binary files /dev/null and b/binary differ\n'),
    })
    expect(edited.raw_patch_data.toString()).toBe('@@ -1 +1,2 @@\n-old\n+new\n+lines\n')
    expect(edited).toMatchObject({ lines_added: 2, lines_removed: 1, old_mode: 33188, end_of_patch: true })
    expect(edited).toMatchObject({ from_id: oidOf('main:edited'), to_id: oidOf('ws:edited') })
    expect(gone).toMatchObject({ to_id: ZERO, to_path: bytes('gone'), from_path: bytes('gone'), new_mode: 0 })
    expect(renamed).toMatchObject({ from_path: bytes('kept'), raw_patch_data: none, end_of_patch: true })
    expect(replies.every(({ end_of_patch }) => end_of_patch)).toBe(true)
  })

  test('repeats the fields of a file with each part of a large patch', async () => {
    await commit('ws', [{ path: 'large', content: 'x'.repeat(100).concat('\n').repeat(4000) }])
    const replies = (await commitDiff('main', 'ws')).filter(({ to_path }) => to_path.equals(bytes('large')))
    expect(replies.length).toBeGreaterThan(1)
    expect(replies.map(({ end_of_patch }) => end_of_patch).lastIndexOf(false)).toBe(replies.length - 2)
    expect(Math.max(...replies.map(({ raw_patch_data }) => raw_patch_data.length))).toBeLessThanOrEqual(128 * 1024)
    const [{ raw_patch_data: _, end_of_patch: __, ...fields }] = replies
    for (const reply of replies) expect(reply).toMatchObject(fields)
    expect(fields).toMatchObject({ lines_added: 4000, from_id: ZERO })
  })

  test('takes for renamed what is alike by 30 per cent', async () => {
    const lines = (count: number, text: string) => Array.from({ length: count }, (_, n) => `${text} ${n} line\n`)
    await commit('r', [{ path: 'before', content: lines(100, 'same').join('') }])
    const alike = (share: number) => [...lines(share, 'same'), ...lines(100 - share, 'different')].join('')
    for (const [share, renamed] of [
      [40, true],
      [20, false],
    ] as const) {
      const branch = `r-${share}`
      await commit(
        branch,
        [
          { action: DELETE, path: 'before' },
          { path: 'after', content: alike(share) },
        ],
        { start_branch_name: bytes('r') },
      )
      const files = await commitDiff('r', branch)
      expect(files.map(({ from_path, to_path }) => `${from_path} ${to_path}`)).toEqual(
        renamed ? ['before after'] : ['after after', 'before before'],
      )
      // The other two use git's own threshold of 50 per cent.
      expect((await diffStats('r', branch)).map(({ old_path }) => old_path.length)).toEqual([0, 0])
    }
  })

  test('tells a change of type as a deletion and an addition', async () => {
    const link = gitOn(directory(), ['hash-object', '-w', '--stdin'], 'gone').trim()
    const index = gitOn(directory(), ['ls-tree', 'main']).replace(
      /^100644 blob \w+\tedited$/m,
      `120000 blob ${link}\tedited`,
    )
    const tree = gitOn(directory(), ['mktree'], index).trim()
    const id = gitOn(directory(), ['commit-tree', '-m', 'm', '-p', tip('main'), tree]).trim()
    const files = await commitDiff('main', id)
    expect(files).toMatchObject([
      { from_path: bytes('edited'), from_id: oidOf('main:edited'), to_id: ZERO, old_mode: 33188, new_mode: 0 },
      { to_path: bytes('edited'), from_id: ZERO, to_id: link, old_mode: 0, new_mode: 40960 },
    ])
    expect(files[0].raw_patch_data.toString()).toBe('@@ -1 +0,0 @@\n-old\n')
    expect(files[1].raw_patch_data.toString()).toBe('@@ -0,0 +1 @@\n+gone\n\\ No newline at end of file\n')
  })

  test('tells a change of mode without a patch', async () => {
    await commit('ws', [{ action: 5, path: 'edited', fields: { execute_filemode: true } }])
    expect(await commitDiff('ws~1', 'ws')).toMatchObject([
      { old_mode: 33188, new_mode: 33261, raw_patch_data: none, end_of_patch: true, lines_added: 0 },
    ])
  })

  test('is not misled by contents that look like a patch, nor by carriage returns', async () => {
    const tricks = ['diff --git a/x b/x', '@@ -1 +1 @@', '--- a/x', '+++ b/x', 'Binary files a and b differ', '+', '-']
    const content = ['first', ...tricks].join('\r').concat('\r\n', tricks.join('\n'), '\n')
    await commit('ws', [
      { path: 'tricks', content },
      { path: 'z', content: 'after\n' },
    ])
    const files = await commitDiff('ws~1', 'ws')
    expect(files.map(({ to_path }) => to_path.toString())).toEqual(['tricks', 'z'])
    expect(files[0]).toMatchObject({ lines_added: tricks.length + 1, lines_removed: 0, binary: false })
    expect(files[0].raw_patch_data.toString()).toBe(
      `@@ -0,0 +1,8 @@\n${content.replace(/^(?=[^\n]*\n)/, '+').replace(/\n(?=.)/gs, '\n+')}`,
    )
    expect(await commitDiff('ws', 'ws~1')).toMatchObject([{ lines_added: 0, lines_removed: tricks.length + 1 }, {}])
  })

  test('of some paths, ignoring white space, and word by word', async () => {
    expect(await commitDiff('main', 'ws', { paths: [bytes('edited'), bytes('renämed')] })).toHaveLength(2)
    await expectFailure(commitDiff('main', 'ws', { paths: [bytes('')] }), Code.INVALID_ARGUMENT)
    await commit('ws', [{ action: UPDATE, path: 'edited', content: 'new \nlines\n' }])
    expect(await commitDiff('ws~1', 'ws')).toMatchObject([{ lines_added: 1 }])
    // Git prints no patch for it then, but it has changed.
    for (const whitespace_changes of [1, 2]) {
      expect(await commitDiff('ws~1', 'ws', { whitespace_changes })).toMatchObject([
        { to_path: bytes('edited'), raw_patch_data: none, end_of_patch: true, lines_added: 0 },
      ])
      const [binary, edited, gone, renamed] = await commitDiff('main', 'ws', { whitespace_changes })
      expect([binary.binary, edited.lines_added, gone.lines_removed]).toEqual([true, 2, 1])
      expect(renamed).toMatchObject({ from_path: bytes('kept'), raw_patch_data: none })
    }
    await commit('ws', [
      { action: UPDATE, path: 'edited', content: 'new\t\nlines\n' },
      { path: 'fresh', content: 'fresh\n' },
    ])
    expect(await commitDiff('ws~1', 'ws', { whitespace_changes: 2 })).toMatchObject([
      { to_path: bytes('edited'), raw_patch_data: none, lines_added: 0 },
      { to_path: bytes('fresh'), raw_patch_data: bytes('@@ -0,0 +1 @@\n+fresh\n'), lines_added: 1 },
    ])
    const [words] = await commitDiff('main', 'ws', { paths: [bytes('edited')], diff_mode: 1 })
    expect(words.raw_patch_data.toString()).toContain('~\n')
  })

  test('limits only when told to enforce them', async () => {
    const limits = { max_files: 2, max_lines: 1, max_bytes: 1, max_patch_bytes: 1 }
    const all = await commitDiff('main', 'ws')
    expect(await commitDiff('main', 'ws', limits)).toEqual(all)
    const enforced = await commitDiff('main', 'ws', { enforce_limits: true, max_files: 2 })
    expect(enforced.map(({ to_path, overflow_marker }) => [to_path.toString(), overflow_marker])).toEqual([
      ['binary', false],
      ['edited', false],
      ['', true],
    ])
    const small = await commitDiff('main', 'ws', { enforce_limits: true, max_patch_bytes: 40 })
    expect(small.map(({ too_large, raw_patch_data }) => [too_large, raw_patch_data.length])).toEqual([
      [true, 0],
      [false, 31],
      [false, 20],
      [false, 0],
    ])
  })
})

describe('a revision', () => {
  test.each(['RawDiff', 'DiffStats', 'CommitDiff'])('%s of a missing one is NOT_FOUND', async (method) => {
    for (const [left, right] of [
      ['main', 'none'],
      ['none', 'main'],
      ['main', 'f'.repeat(40)],
      ['main', oidOf('main:edited')],
    ] as const) {
      await expectFailure(client.list('DiffService', method, sides(left, right)), Code.NOT_FOUND)
    }
    for (const [left, right] of [
      ['main', '--output=x'],
      ['', 'ws'],
      ['main', ''],
      ['main', 'main:edited'],
      ['a b', 'main'],
    ] as const) {
      await expectFailure(client.list('DiffService', method, sides(left, right)), Code.INVALID_ARGUMENT)
    }
  })
})
