// Branches: created, found, listed, deleted (contract 4.1, 4.2, 4.5, 4.7).

import { closeSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { status as Code } from '@grpc/grpc-js'
import { beforeEach, describe, expect, test } from 'vitest'
import { USER } from '../client.ts'
import {
  bytes,
  client,
  commit,
  createBranch,
  createTag,
  deleteBranch,
  detailOf,
  directory,
  expectFailure,
  expectRefused,
  findBranch,
  git,
  on,
  refs,
  repository,
  tip,
  update,
  updateReferences,
  useBackend,
} from './backend.ts'

useBackend()

let main: string
let other: string

beforeEach(async () => {
  main = await commit('main', [{ path: 'a', content: 'a' }])
  other = await commit('other', [{ path: 'b', content: 'b' }], { start_branch_name: bytes('main') })
})

describe('UserCreateBranch', () => {
  test('creates a branch once, from any revision, and never moves it', async () => {
    const { branch } = await createBranch('ws/u/app', 'main')
    expect(branch).toMatchObject({ name: bytes('ws/u/app'), target_commit: { id: main } })
    await expectRefused(createBranch('ws/u/app', 'other'), Code.FAILED_PRECONDITION)
    await expectRefused(createBranch('ws/u/app', 'main'), Code.FAILED_PRECONDITION)
    expect(tip('ws/u/app')).toBe(main)
    await createBranch('refs/heads/full', other)
    expect(tip('full')).toBe(other)
    await createTag('annotated', other, 'a tag')
    for (const [name, revision] of [
      ['by-name', 'refs/heads/other'],
      ['by-short-id', other.slice(0, 12)],
      ['by-tag', 'annotated'],
    ] as const) {
      expect((await createBranch(name, revision)).branch.target_commit.id).toBe(other)
    }
    expect((await createBranch('before', 'other~1')).branch.target_commit.id).toBe(main)
  })

  test('needs a start point that is there, a user and a name', async () => {
    await expectRefused(createBranch('x', 'none'), Code.FAILED_PRECONDITION)
    await expectRefused(createBranch('x', 'f'.repeat(40)), Code.FAILED_PRECONDITION)
    await expectRefused(createBranch('x', `${main}^{tree}`), Code.FAILED_PRECONDITION)
    await expectRefused(createBranch('x', ''), Code.INVALID_ARGUMENT)
    await expectRefused(createBranch('', 'main'), Code.INVALID_ARGUMENT)
    const request = { repository, branch_name: bytes('x'), start_point: bytes('main') }
    await expectRefused(client.unary('OperationService', 'UserCreateBranch', request), Code.INVALID_ARGUMENT)
  })

  test('refuses a name that is a directory of another, until that one is gone', async () => {
    await createBranch('ws/u/app', 'main')
    await expectRefused(createBranch('ws/u/app/below', 'main'), Code.FAILED_PRECONDITION)
    await expectRefused(createBranch('ws/u', 'main'), Code.FAILED_PRECONDITION)
    await deleteBranch('ws/u/app')
    await createBranch('ws/u', 'main')
    expect(tip('ws/u')).toBe(main)
  })

  test('of several at once creates it once', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => createBranch('race', index % 2 ? main : other)),
    )
    const created = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    expect(created).toHaveLength(1)
    expect(tip('race')).toBe(created[0].branch.target_commit.id)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason.code).toBe(Code.FAILED_PRECONDITION)
    }
  })

  test('a tag of the same name wins as a start point, as it does for git', async () => {
    await createTag('other', main)
    expect((await createBranch('from-tag', 'other')).branch.target_commit.id).toBe(main)
    expect((await createBranch('from-branch', 'refs/heads/other')).branch.target_commit.id).toBe(other)
  })
})

test('W8: invalid branch names are refused, and create nothing', async () => {
  const before = refs()
  const names = [
    'a b',
    'a..b',
    'a~1',
    'a^',
    'a:b',
    '-x',
    'a.lock',
    'a.lock/b',
    'a/.b',
    'a//b',
    '/a',
    'a/',
    'a.',
    'a@{1}',
    'a\\b',
    'a?',
    'a*',
    'a[',
    'HEAD',
    'a\x7fb',
    'a\tb',
    'x\ncreate refs/heads/injected',
    'x\0create refs/heads/injected',
    'y'.repeat(300),
  ]
  for (const name of names) {
    await expectFailure(createBranch(name, 'main'), Code.INVALID_ARGUMENT)
    await expectFailure(commit(name, []), Code.INVALID_ARGUMENT)
    await expectFailure(deleteBranch(name), Code.INVALID_ARGUMENT)
    await expectFailure(findBranch(name), Code.INVALID_ARGUMENT)
    // As a full name these two are unusual, but references like any other.
    if (name === 'HEAD' || name === '-x') continue
    await expectFailure(updateReferences(update(`refs/heads/${name}`, main)), Code.INVALID_ARGUMENT)
  }
  expect(refs()).toBe(before)
  // What is only unusual is accepted.
  for (const name of ['ünïcode/日本', 'a@b', 'a{b}', "it's", 'a;b|c&d', '$(x)', 'a.b', '@', 'x'.repeat(200)]) {
    expect((await createBranch(name, 'main')).branch.name).toEqual(bytes(name))
    expect(await findBranch(name)).toMatchObject({ name: bytes(name), target_commit: { id: main } })
    await deleteBranch(name)
  }
  expect(refs()).toBe(before)
})

describe('FindBranch', () => {
  test('matches exactly, by the short name or the full one, and answers the short one', async () => {
    await createBranch('ws/a', 'main')
    const found = { name: bytes('ws/a'), target_commit: { id: main } }
    expect(await findBranch('ws/a')).toMatchObject(found)
    expect(await findBranch('refs/heads/ws/a')).toMatchObject(found)
    for (const name of ['ws', 'a', 'ws/a/b', 'w']) {
      expect(await findBranch(name), name).toBeNull()
    }
    await expectFailure(findBranch(''), Code.INVALID_ARGUMENT)
  })

  test('takes nothing else for a branch: no tag, no other reference, no id', async () => {
    await createTag('tagged', main)
    await updateReferences(
      update('refs/tags/refs/heads/ghost', main),
      update('refs/heads/refs/heads/shadow', main),
      update('refs/conman/x', main),
    )
    for (const name of ['tagged', 'ghost', 'shadow', 'x', main, main.slice(0, 12), `v1-2-g${main.slice(0, 10)}`]) {
      expect(await findBranch(name), name).toBeNull()
    }
    // The branch that is really there under such a name is found.
    await createBranch('ghost', 'other')
    expect((await findBranch('ghost')).target_commit.id).toBe(other)
  })

  test('finds branches that git has packed', async () => {
    git('pack-refs', '--all')
    expect((await findBranch('main')).target_commit.id).toBe(main)
    const next = await commit('main', [{ path: 'c', content: 'c' }])
    expect((await findBranch('main')).target_commit.id).toBe(next)
    git('pack-refs', '--all')
    await deleteBranch('main', next)
    expect(await findBranch('main')).toBeNull()
  })
})

describe('FindLocalBranches', () => {
  const list = async (fields = {}) =>
    (await client.list('RefService', 'FindLocalBranches', { repository, ...fields }))
      .flatMap(({ local_branches }) => local_branches)
      .map(({ name }) => name.toString())

  test('lists full names with their commits, sorted and by pages', async () => {
    expect(await list()).toEqual(['refs/heads/main', 'refs/heads/other'])
    const [{ local_branches }] = await client.list('RefService', 'FindLocalBranches', { repository })
    expect(local_branches[1]).toMatchObject({
      target_commit: { id: other, parent_ids: [main], committer: { name: USER.name } },
    })
    const page = (page_token: string, limit: number) => list({ pagination_params: { page_token, limit } })
    expect(await page('refs/heads/main', 1)).toEqual(['refs/heads/other'])
    expect(await page('', 1)).toEqual(['refs/heads/main'])
    expect(await page('', -1)).toEqual(['refs/heads/main', 'refs/heads/other'])
    await expectFailure(page('refs/heads/none', 1), Code.INVALID_ARGUMENT)
  })

  test('sorts by name, or by when they were updated', async () => {
    for (const [name, seconds] of [
      ['b', 1_600_000_000],
      ['a', 1_700_000_000],
      ['c', 1_650_000_000],
    ] as const) {
      await commit(name, [], { timestamp: { seconds } })
    }
    const own = async (sort_by: number) =>
      (await list({ sort_by })).map((name) => name.slice(11)).filter((name) => name.length === 1)
    expect(await own(0)).toEqual(['a', 'b', 'c'])
    expect(await own(1)).toEqual(['b', 'c', 'a'])
    expect(await own(2)).toEqual(['a', 'c', 'b'])
    await expectFailure(list({ sort_by: 17 }), Code.INVALID_ARGUMENT)
  })

  test('a list of 3,000 stays below 1 MiB a message', async () => {
    const names = Array.from({ length: 3000 }, (_, index) => `refs/heads/${'n'.repeat(80)}/${index}`)
    await updateReferences(...names.map((name) => update(name, main)))
    const replies = await client.list('RefService', 'FindLocalBranches', { repository })
    expect(replies.length).toBeGreaterThan(1)
    expect(replies.flatMap(({ local_branches }) => local_branches)).toHaveLength(3002)
  })
})

describe('UserDeleteBranch', () => {
  test('deletes a branch at the expected commit only', async () => {
    await expectRefused(deleteBranch('none'), Code.FAILED_PRECONDITION)
    await expectRefused(deleteBranch('other', main), Code.FAILED_PRECONDITION)
    // All zeros: it must not exist. Then there is nothing to delete either way.
    await expectRefused(deleteBranch('other', '0'.repeat(40)), Code.FAILED_PRECONDITION)
    await expectRefused(deleteBranch('none', '0'.repeat(40)), Code.FAILED_PRECONDITION)
    await expectRefused(deleteBranch('other', 'abc'), Code.INVALID_ARGUMENT)
    await expectRefused(deleteBranch(''), Code.INVALID_ARGUMENT)
    const request = { repository, branch_name: bytes('other') }
    await expectRefused(client.unary('OperationService', 'UserDeleteBranch', request), Code.INVALID_ARGUMENT)
    await deleteBranch('other', other)
    expect(refs()).toBe(`refs/heads/main ${main}\n`)
    await expectRefused(deleteBranch('other'), Code.FAILED_PRECONDITION)
    await deleteBranch('refs/heads/main')
    expect(refs()).toBe('')
  })

  test('a prefix of a name, or a tag, is no branch', async () => {
    await createBranch('ws/a', 'main')
    await createTag('tagged', main)
    for (const name of ['ws', 'tagged', `v1-2-g${main.slice(0, 10)}`]) {
      await expectRefused(deleteBranch(name), Code.FAILED_PRECONDITION)
    }
  })

  test('which cannot move a reference says which one', async () => {
    // The reference is locked, as by another program that writes it.
    const lock = join(directory(), 'refs/heads/other.lock')
    closeSync(openSync(lock, 'w'))
    const error = await expectRefused(deleteBranch('other'), Code.FAILED_PRECONDITION)
    expect(detailOf(error)).toEqual({
      type: 'UserDeleteBranchError',
      case: 'reference_update',
      fields: { reference_name: bytes('refs/heads/other'), old_oid: other, new_oid: '0'.repeat(40) },
    })
    rmSync(lock)
    await client.unary('OperationService', 'UserDeleteBranch', on({ branch_name: bytes('other') }))
  })
})
