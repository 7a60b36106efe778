// GetBlobs: files are read (contract 3.3, 4.5, W2).

import { status as Code } from '@grpc/grpc-js'
import { beforeEach, describe, expect, test } from 'vitest'
import { blobs, bytes, client, commit, expectFailure, git, oidOf, repository, useBackend } from './backend.ts'

useBackend()

beforeEach(async () => {
  await commit('main', [
    { path: 'a/b/c', content: 'deep' },
    { path: 'a0', content: 'zero' },
    { path: 'empty', content: '' },
    { path: 'run', content: 'x', fields: { execute_filemode: true } },
  ])
})

describe('GetBlobs', () => {
  test('a file: everything in the first message', async () => {
    expect(await blobs('main', 'a/b/c')).toEqual([
      {
        oid: oidOf('main:a/b/c'),
        data: bytes('deep'),
        size: 4,
        mode: 33188,
        is_submodule: false,
        revision: 'main',
        path: bytes('a/b/c'),
        type: 2,
      },
    ])
    expect(await blobs('main', 'run')).toMatchObject([{ mode: 33261 }])
    for (const revision of ['refs/heads/main', oidOf('main'), 'HEAD']) {
      expect(await blobs(revision, 'a0')).toMatchObject([{ data: bytes('zero'), revision }])
    }
  })

  test('an empty file: one message with an id and no data', async () => {
    expect(await blobs('main', 'empty')).toMatchObject([{ oid: oidOf('main:empty'), size: 0, data: bytes('') }])
  })

  test('a limit: so many bytes of the data, and the whole size', async () => {
    expect(await blobs('main', 'a0', 2)).toMatchObject([{ data: bytes('ze'), size: 4 }])
    expect(await blobs('main', 'a0', 0)).toMatchObject([{ oid: oidOf('main:a0'), data: bytes(''), size: 4 }])
    expect(await blobs('main', 'a0', 100)).toMatchObject([{ data: bytes('zero'), size: 4 }])
  })

  test('a directory: an id, the type of a tree, and no data', async () => {
    const found = { oid: oidOf('main:a'), type: 3, data: bytes(''), mode: 16384 }
    expect(await blobs('main', 'a')).toMatchObject([found])
    expect(await blobs('main', 'a/')).toMatchObject([found])
  })

  test('what is missing: one message with the revision and the path alone', async () => {
    for (const [revision, path] of [
      ['main', 'none'],
      ['main', 'a0/below'],
      ['main', '/a0'],
      ['none', 'a0'],
      ['f'.repeat(40), 'a0'],
    ] as const) {
      expect(await blobs(revision, path)).toEqual([
        { oid: '', data: bytes(''), size: 0, mode: 0, is_submodule: false, revision, path: bytes(path), type: 0 },
      ])
    }
  })

  test('several at once, in the order they were asked for', async () => {
    const ask = (path: string) => ({ revision: 'main', path: bytes(path) })
    const request = { repository, revision_paths: ['a0', 'none', 'a', 'empty', 'a0'].map(ask), limit: -1 }
    const replies = await client.list('BlobService', 'GetBlobs', request)
    expect(replies.map(({ path, oid, data }) => [path.toString(), oid !== '', data.toString()])).toEqual([
      ['a0', true, 'zero'],
      ['none', false, ''],
      ['a', true, ''],
      ['empty', true, ''],
      ['a0', true, 'zero'],
    ])
  })

  test('refuses nothing asked for, and malformed revisions', async () => {
    const nothing = { repository, revision_paths: [], limit: -1 }
    await expectFailure(client.list('BlobService', 'GetBlobs', nothing), Code.INVALID_ARGUMENT)
    for (const revision of ['', '-x', 'a b', 'main:a']) {
      await expectFailure(blobs(revision, 'a0'), Code.INVALID_ARGUMENT)
    }
  })
})

describe('W2', () => {
  test('5, 7.5 and 16 MiB in one message are taken', async () => {
    for (const mebibytes of [5, 7.5, 16]) {
      const content = Buffer.alloc(mebibytes * 1024 * 1024, `${mebibytes} MiB of a file\n`)
      const id = await commit('main', [
        { path: 'large', content },
        { action: 4, path: 'large' },
        { path: 'large', content },
      ])
      expect(Number(git('cat-file', '-s', `${id}:large`))).toBe(content.length)
      await commit('main', [{ action: 4, path: 'large' }])
    }
  })

  test('any number of content messages is joined', async () => {
    const parts = Array.from({ length: 200 }, (_, index) => Buffer.alloc(64 * 1024, `${index} `))
    await client.send('OperationService', 'UserCommitFiles', [
      {
        header: {
          repository,
          user: { name: bytes('x') },
          branch_name: bytes('main'),
          commit_message: bytes('m'),
        },
      },
      { action: { header: { file_path: bytes('parts') } } },
      ...parts.map((content) => ({ action: { content } })),
    ])
    const whole = Buffer.concat((await blobs('main', 'parts')).map(({ data }) => data))
    expect(whole.equals(Buffer.concat(parts))).toBe(true)
  })

  test('6 MiB come back in messages of at most 128 KiB, of which only the first has an id', async () => {
    const content = Buffer.alloc(6 * 1024 * 1024, 'six mebibytes\n')
    await commit('main', [{ path: 'six', content }])
    const replies = await blobs('main', 'six')
    expect(Math.max(...replies.map(({ data }) => data.length))).toBeLessThanOrEqual(128 * 1024)
    expect(Buffer.concat(replies.map(({ data }) => data)).equals(content)).toBe(true)
    expect(replies[0]).toMatchObject({ size: content.length, oid: oidOf('main:six') })
    for (const { oid, size, revision, path } of replies.slice(1)) {
      expect([oid, size, revision, path.length]).toEqual(['', 0, '', 0])
    }
  })
})
