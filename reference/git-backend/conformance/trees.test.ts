// GetTreeEntries: directories are listed (contract 4.5, W3).

import { status as Code } from '@grpc/grpc-js'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Reply, USER } from '../client.ts'
import { PathErrorType } from '../messages.ts'
import { gitOn } from '../temporary-backend.ts'
import {
  blobs,
  bytes,
  client,
  commit,
  createTag,
  detailOf,
  directory,
  expectFailure,
  oidOf,
  paths,
  repository,
  tree,
  useBackend,
} from './backend.ts'

useBackend()

let main: string

beforeEach(async () => {
  main = await commit('main', [
    { path: 'a/b/c', content: 'deep' },
    { path: 'a.txt', content: 'text' },
    { path: 'a0', content: 'zero' },
    { path: 'run', content: 'x', fields: { execute_filemode: true } },
  ])
})

describe('W3: a tree', () => {
  test('in its order, with types, modes and full paths', async () => {
    const entries = await tree('main')
    expect(paths(entries)).toEqual(['a.txt', 'a', 'a0', 'run'])
    expect(entries.map(({ mode, type }) => [mode, type])).toEqual([
      [33188, 0],
      [16384, 1],
      [33188, 0],
      [33261, 0],
    ])
    expect(entries[1]).toMatchObject({ oid: oidOf('main:a'), commit_oid: main, flat_path: bytes('a') })
    expect(paths(await tree('main', 'a'))).toEqual(['a/b'])
    expect((await tree('main', 'a'))[0].flat_path).toEqual(bytes('a/b'))
    expect(paths(await tree('main', 'a/b'))).toEqual(['a/b/c'])
  })

  test('the root is the empty path, a dot or a slash', async () => {
    const entries = await tree('main')
    expect(await tree('main', '.')).toEqual(entries)
    expect(await tree('main', '/')).toEqual(entries)
    expect(await tree('main', 'a/')).toEqual(await tree('main', 'a'))
  })

  test('recursively, its directories included', async () => {
    expect(paths(await tree('main', '', true))).toEqual(['a.txt', 'a', 'a/b', 'a/b/c', 'a0', 'run'])
    expect(paths(await tree('main', 'a', true))).toEqual(['a/b', 'a/b/c'])
  })

  test('a file has no entries', async () => {
    expect(await tree('main', 'a0')).toEqual([])
    expect(await tree('main', 'a/b/c', true)).toEqual([])
  })

  test('at any revision: short and full names, ids, tags, the commits before', async () => {
    await createTag('annotated', main, 'a tag')
    await commit('main', [{ path: 'later', content: '' }])
    const first = await tree(main)
    for (const revision of ['refs/tags/annotated', 'annotated', main.slice(0, 12), 'main~1', 'main^', 'HEAD~1']) {
      expect(await tree(revision), revision).toEqual(first)
    }
    expect(paths(await tree('refs/heads/main'))).toContain('later')
  })

  test('a submodule is a commit, with number 3, and a link a blob', async () => {
    const link = gitOn(directory(), ['hash-object', '-w', '--stdin'], 'a0').trim()
    const listing = `160000 commit ${main}\tsub\n100644 blob ${oidOf('main:a0')}\tf\n120000 blob ${link}\tlink\n`
    const oid = gitOn(directory(), ['mktree', '--missing'], listing).trim()
    const id = gitOn(directory(), ['commit-tree', '-m', 'm', oid]).trim()
    const entries = await tree(id)
    expect(entries.map(({ path, mode, type }) => [path.toString(), mode, type])).toEqual([
      ['f', 33188, 0],
      ['link', 40960, 0],
      ['sub', 57344, 3],
    ])
    expect(entries[2].oid).toBe(main)
    expect(await tree(id, '', true)).toEqual(entries)
    expect(await tree(id, 'sub')).toEqual([])
    expect(await blobs(id, 'sub')).toMatchObject([{ oid: main, is_submodule: true, type: 1, data: bytes('') }])
    expect(await blobs(id, 'link')).toMatchObject([{ mode: 40960, type: 2, data: bytes('a0') }])
  })
})

describe('GetTreeEntries', () => {
  test('of what does not exist is NOT_FOUND, and says which', async () => {
    const missingPath = await expectFailure(tree('main', 'none'), Code.NOT_FOUND)
    expect(detailOf(missingPath)).toMatchObject({
      type: 'GetTreeEntriesError',
      case: 'path',
      fields: { path: bytes('none') },
    })
    await expectFailure(tree('main', 'a0/below'), Code.NOT_FOUND)
    await expectFailure(tree('main', 'none', true), Code.NOT_FOUND)
    const missingRevision = await expectFailure(tree('none'), Code.NOT_FOUND)
    expect(detailOf(missingRevision)).toEqual({
      type: 'GetTreeEntriesError',
      case: 'resolve_tree',
      fields: { revision: bytes('none') },
    })
    await expectFailure(tree('f'.repeat(40)), Code.NOT_FOUND)
  })

  test('refuses malformed paths and revisions', async () => {
    for (const [path, error_type] of [
      ['../x', PathErrorType.RELATIVE_PATH_ESCAPES_REPOSITORY],
      ['a/../../x', PathErrorType.RELATIVE_PATH_ESCAPES_REPOSITORY],
      ['/a', PathErrorType.ABSOLUTE_PATH],
      ['a//b', PathErrorType.INVALID_PATH],
      ['./a', PathErrorType.INVALID_PATH],
      ['x'.repeat(5000), PathErrorType.LONG_PATH],
    ] as const) {
      const error = await expectFailure(tree('main', path), Code.INVALID_ARGUMENT)
      expect(detailOf(error)).toEqual({
        type: 'GetTreeEntriesError',
        case: 'path',
        fields: { path: bytes(path), error_type },
      })
    }
    for (const revision of ['', '--all', 'main:a', 'a b', 'a\0b', 'a\nb', 'main^{/x}']) {
      await expectFailure(tree(revision), Code.INVALID_ARGUMENT)
    }
  })

  const list = (pagination_params: object, fields: object = {}): Promise<Reply[]> =>
    client.list('CommitService', 'GetTreeEntries', {
      repository,
      revision: bytes('main'),
      pagination_params,
      ...fields,
    })

  test('by pages, whose token names the last entry', async () => {
    const [first] = await list({ limit: 3 })
    expect(paths(first.entries)).toEqual(['a.txt', 'a', 'a0'])
    const token = first.pagination_cursor.next_cursor
    expect(JSON.parse(Buffer.from(token, 'base64').toString())).toEqual({ file_name: 'a0' })
    const [second] = await list({ limit: 3, page_token: token })
    expect(paths(second.entries)).toEqual(['run'])
    expect(second.pagination_cursor.next_cursor).toBe('')
    // A limit of 0 gives nothing, a negative one all.
    expect(await list({ limit: 0 })).toEqual([])
    expect(paths((await list({ limit: -1 }))[0].entries)).toEqual(['a.txt', 'a', 'a0', 'run'])
    expect(paths((await list({ limit: -1, page_token: token }))[0].entries)).toEqual(['run'])
    await expectFailure(list({ limit: 3, page_token: 'x' }), Code.INVALID_ARGUMENT)
    const gone = Buffer.from('{"file_name":"gone"}').toString('base64')
    await expectFailure(list({ limit: 3, page_token: gone }), Code.INVALID_ARGUMENT)
  })

  test('by pages of one, whatever the names, recursively and with directories first', async () => {
    await commit('main', [{ path: 'ünï/ c', content: '' }])
    // Names that are no text: a token is JSON, which cannot hold them as they are.
    await client.send('OperationService', 'UserCommitFiles', [
      { header: { repository, user: USER, branch_name: bytes('main'), commit_message: bytes('m') } },
      { action: { header: { file_path: Buffer.from([0x66, 0xff]) } } },
      { action: { header: { file_path: Buffer.from([0x66, 0x67]) } } },
    ])
    for (const fields of [{}, { recursive: true }, { sort: 1 }, { recursive: true, sort: 1 }]) {
      const [whole] = await list({ limit: -1 }, fields)
      const seen: Reply[] = []
      for (let page_token = '', pages = 0; ; pages++) {
        expect(pages).toBeLessThan(20)
        const [page] = await list({ limit: 1, page_token }, fields)
        seen.push(...page.entries)
        page_token = page.pagination_cursor.next_cursor
        if (page_token === '') break
      }
      expect(seen).toEqual(whole.entries)
    }
  })

  test('with directories first', async () => {
    const request = { repository, revision: bytes('main'), sort: 1, recursive: true }
    const replies = await client.list('CommitService', 'GetTreeEntries', request)
    expect(paths(replies.flatMap(({ entries }) => entries))).toEqual(['a', 'a/b', 'a.txt', 'a/b/c', 'a0', 'run'])
  })

  test('a list of 8,000 stays below 1 MiB a message', async () => {
    await commit(
      'main',
      Array.from({ length: 8000 }, (_, index) => ({ path: `many/${'n'.repeat(80)}-${index}`, content: '' })),
    )
    const request = { repository, revision: bytes('main'), path: bytes('many') }
    const replies = await client.list('CommitService', 'GetTreeEntries', request)
    expect(replies.length).toBeGreaterThan(1)
    expect(replies.flatMap(({ entries }) => entries)).toHaveLength(8000)
  })
})
