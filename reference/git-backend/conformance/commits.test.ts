// Commits: found, listed, related (contract 4.5).

import { status as Code } from '@grpc/grpc-js'
import { beforeEach, describe, expect, test } from 'vitest'
import { USER } from '../client.ts'
import { gitOn } from '../temporary-backend.ts'
import {
  bytes,
  client,
  commit,
  createTag,
  directory,
  expectFailure,
  git,
  mergeBranch,
  NO_OBJECT,
  oidOf,
  repository,
  tree,
  update,
  updateReferences,
  useBackend,
} from './backend.ts'

useBackend()

let main: string
let second: string

beforeEach(async () => {
  main = await commit('main', [{ path: 'a0', content: 'zero' }])
  second = await commit('main', [{ path: 'n', content: 'n' }])
})

const find = async (revision: string) =>
  (await client.unary('CommitService', 'FindCommit', { repository, revision: bytes(revision) })).commit

describe('FindCommit', () => {
  test('by branch, id, short id, tag and expression', async () => {
    await createTag('annotated', main, 'a tag')
    for (const [revision, id] of [
      ['main', second],
      ['refs/heads/main', second],
      [second, second],
      [main.slice(0, 12), main],
      ['main~1', main],
      ['HEAD', second],
      ['annotated', main],
      ['refs/tags/annotated', main],
    ] as const) {
      expect((await find(revision))?.id, revision).toBe(id)
    }
  })

  test('a tag of the same name wins over a branch', async () => {
    await createTag('main', main)
    expect((await find('main')).id).toBe(main)
    expect((await find('refs/heads/main')).id).toBe(second)
  })

  test('of none answers none; of what is malformed INVALID_ARGUMENT', async () => {
    for (const revision of ['none', NO_OBJECT, 'main~99', oidOf('main^{tree}'), oidOf('main:a0')]) {
      expect(await find(revision), revision).toBeNull()
    }
    for (const revision of ['', 'main:a0', '-x', 'a b', 'a\nb', 'a\0b']) {
      await expectFailure(find(revision), Code.INVALID_ARGUMENT)
    }
  })

  test('tells all of a commit', async () => {
    const id = await commit('main', [], {
      commit_message: bytes('subject\n\nbody\n'),
      timestamp: { seconds: 1_700_000_000 },
    })
    const person = {
      name: USER.name,
      email: USER.email,
      date: { seconds: 1_700_000_000, nanos: 0 },
      timezone: bytes('+0000'),
    }
    expect(await find(id)).toEqual({
      id,
      subject: bytes('subject'),
      body: bytes('subject\n\nbody\n'),
      body_size: 14,
      author: person,
      committer: person,
      parent_ids: [second],
      tree_id: oidOf(`${id}^{tree}`),
      encoding: '',
    })
  })

  test('commits of other programs are read as well: signed, in other encodings, without a line end', async () => {
    const raw = Buffer.concat([
      Buffer.from(`tree ${oidOf('main^{tree}')}\nparent ${main}\n`),
      Buffer.from('author Gr\xfc\xdfe <g@example.com> 1600000000 -0330\n', 'latin1'),
      Buffer.from('committer C <> 1600000001 +0000\nencoding ISO-8859-1\n'),
      Buffer.from('gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n\nsubject\r\nrest'),
    ])
    const id = gitOn(directory(), ['hash-object', '-t', 'commit', '-w', '--stdin'], raw).trim()
    expect(await find(id)).toMatchObject({
      subject: bytes('subject'),
      body: bytes('subject\r\nrest'),
      author: {
        name: Buffer.from('Gr\xfc\xdfe', 'latin1'),
        date: { seconds: 1_600_000_000 },
        timezone: bytes('-0330'),
      },
      committer: { name: bytes('C'), email: bytes('') },
      encoding: 'ISO-8859-1',
      parent_ids: [main],
    })
  })

  test('a message that no reply could carry is cut, and its size told', async () => {
    // A client takes replies of 4 MiB. Gitaly cuts in the same way, and much earlier.
    const message = Buffer.alloc(5 * 1024 * 1024, 'no end of a line ')
    const id = await commit('long', [], { commit_message: message, start_branch_name: bytes('main') })
    const found = await find(id)
    expect(found).toMatchObject({ id, body_size: message.length })
    for (const part of [found.subject, found.body]) {
      expect(part.length).toBeGreaterThanOrEqual(10 * 1024)
      expect(part.length).toBeLessThan(1024 * 1024)
      expect(part.equals(message.subarray(0, part.length))).toBe(true)
    }
    expect(Number(git('cat-file', '-s', id))).toBeGreaterThan(message.length)
    const listed = await client.list('CommitService', 'ListCommits', { repository, revisions: ['long'] })
    expect(listed.flatMap(({ commits }) => commits)).toHaveLength(3)
    expect(await client.list('RefService', 'FindLocalBranches', { repository })).toHaveLength(1)
    const { tag } = await createTag('long', main, message.toString())
    expect(tag.message_size).toBe(message.length)
    expect(tag.message.length).toBeLessThan(1024 * 1024)
    expect(await tree('refs/heads/long')).toHaveLength(2)
  })
})

describe('ListCommits', () => {
  const list = async (revisions: string[], fields = {}): Promise<string[]> =>
    (await client.list('CommitService', 'ListCommits', { repository, revisions, ...fields }))
      .flatMap(({ commits }) => commits)
      .map(({ id }) => id)

  test('walks from revisions, without others, over ranges', async () => {
    expect(await list(['main'])).toEqual([second, main])
    expect(await list([second, main])).toEqual([second, main])
    expect(await list(['main', '--not', main])).toEqual([second])
    expect(await list([`${main}..main`])).toEqual([second])
    expect(await list([`${main}...main`])).toEqual([second])
    expect(await list([`${main}..`])).toEqual([second])
    expect(await list(['main', `^${main}`])).toEqual([second])
    expect(await list([main, '^main'])).toEqual([])
  })

  test('of all branches and tags', async () => {
    const elsewhere = await commit('orphan', [{ path: 'o', content: '' }])
    const tagged = await commit('gone', [], { start_branch_name: bytes('main') })
    await createTag('kept', tagged)
    await updateReferences(update('refs/heads/gone', '0'.repeat(40)))
    expect((await list(['--all'])).sort()).toEqual([elsewhere, main, second, tagged].sort())
    expect((await list(['--branches'])).sort()).toEqual([elsewhere, main, second].sort())
    expect(await list(['--tags', '--not', '--branches'])).toEqual([tagged])
  })

  test('by pages: the token is the commit after which to start, no limit is 0 or less', async () => {
    const third = await commit('main', [])
    const page = (page_token: string, limit: number) => list(['main'], { pagination_params: { page_token, limit } })
    expect(await page('', 1)).toEqual([third])
    expect(await page(third, 1)).toEqual([second])
    expect(await page(second, 1)).toEqual([main])
    expect(await page(main, 1)).toEqual([])
    expect(await page('', 0)).toEqual([third, second, main])
    expect(await page(third, -1)).toEqual([second, main])
    await expectFailure(page('nonsense', 1), Code.INVALID_ARGUMENT)
    await expectFailure(page(NO_OBJECT, 1), Code.INVALID_ARGUMENT)
  })

  test('in the order, and of the paths, asked for', async () => {
    const side = await commit('side', [{ path: 's', content: '' }], { start_sha: main, timestamp: { seconds: 1 } })
    const [{ commit_id: merge }] = await mergeBranch(side, 'main')
    expect(await list(['main'], { first_parent: true })).toEqual([merge, second, main])
    expect(await list(['main'], { reverse: true })).toHaveLength(4)
    expect((await list(['main'], { reverse: true })).at(-1)).toBe(merge)
    expect(await list(['main'], { skip: 3 })).toHaveLength(1)
    expect(await list(['main'], { reverse: true, paths: [bytes('a0')] })).toEqual([main])
    expect(await list(['main'], { paths: [bytes('s'), bytes('n')] })).toEqual([merge, second, side])
    expect(await list(['main'], { order: 1 })).toEqual(git('rev-list', '--topo-order', 'main').trim().split('\n'))
    expect(await list(['main'], { order: 2 })).toEqual(git('rev-list', '--date-order', 'main').trim().split('\n'))
    expect(await list(['main'])).toEqual(git('rev-list', 'main').trim().split('\n'))
  })

  test('refuses nothing, options and what is missing', async () => {
    await expectFailure(list([]), Code.INVALID_ARGUMENT)
    for (const revision of ['--output=/tmp/x', '-n1', '', 'a b', 'main:a0']) {
      await expectFailure(list([revision]), Code.INVALID_ARGUMENT)
    }
    await expectFailure(list(['none']), Code.NOT_FOUND)
    await expectFailure(list(['main', '^none']), Code.NOT_FOUND)
    await expectFailure(list([`none..main`]), Code.NOT_FOUND)
    await expectFailure(list(['main'], { paths: [bytes('')] }), Code.INVALID_ARGUMENT)
  })

  test('a list of 3,000 stays below 1 MiB a message', async () => {
    const stream = Array.from(
      { length: 3000 },
      (_, index) =>
        `commit refs/heads/many\ncommitter C <c@example.com> ${1_600_000_000 + index} +0000\ndata 1000\n${'m'.repeat(1000)}\n`,
    )
    gitOn(directory(), ['fast-import', '--quiet'], stream.join(''))
    const replies = await client.list('CommitService', 'ListCommits', { repository, revisions: ['many'] })
    expect(replies.length).toBeGreaterThan(2)
    expect(replies.flatMap(({ commits }) => commits)).toHaveLength(3000)
  })
})

test('CommitIsAncestor: yes, no, and no for what is unknown', async () => {
  const isAncestor = async (ancestor_id: string, child_id: string) =>
    (await client.unary('CommitService', 'CommitIsAncestor', { repository, ancestor_id, child_id })).value
  expect(await isAncestor(main, second)).toBe(true)
  expect(await isAncestor('main~1', 'main')).toBe(true)
  expect(await isAncestor(main, main)).toBe(true)
  expect(await isAncestor(second, main)).toBe(false)
  expect(await isAncestor(NO_OBJECT, main)).toBe(false)
  expect(await isAncestor(main, NO_OBJECT)).toBe(false)
  expect(await isAncestor(main, 'none')).toBe(false)
  await expectFailure(isAncestor('', main), Code.INVALID_ARGUMENT)
})
