// Tags: created, found, listed, deleted (contract 4.5, 4.7).

import { status as Code } from '@grpc/grpc-js'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Reply, USER } from '../client.ts'
import {
  bytes,
  client,
  commit,
  createBranch,
  createTag,
  deleteTag,
  detailOf,
  expectFailure,
  expectRefused,
  git,
  NO_OBJECT,
  oidOf,
  on,
  refs,
  repository,
  update,
  updateReferences,
  useBackend,
  ZERO,
} from './backend.ts'

useBackend()

let main: string

beforeEach(async () => {
  main = await commit('main', [{ path: 'a', content: 'a' }])
})

const findTag = (tag_name: string) => client.unary('RefService', 'FindTag', { repository, tag_name: bytes(tag_name) })
const allTags = async (fields = {}): Promise<Reply[]> =>
  (await client.list('RefService', 'FindAllTags', { repository, ...fields })).flatMap(({ tags }) => tags)
const names = (tags: Reply[]) => tags.map(({ name }) => name.toString())

describe('UserCreateTag', () => {
  test('makes an annotated tag of a message', async () => {
    const { tag } = await createTag('r2025.01.01.1', main, 'Release r2025.01.01.1')
    expect(tag).toMatchObject({
      name: bytes('r2025.01.01.1'),
      target_commit: { id: main },
      message: bytes('Release r2025.01.01.1'),
      tagger: { name: USER.name, email: USER.email },
    })
    expect(git('cat-file', '-t', tag.id).trim()).toBe('tag')
    expect(git('for-each-ref', '--format=%(objecttype) %(*objectname) %(contents)', 'refs/tags').trim()).toBe(
      `tag ${main} Release r2025.01.01.1`,
    )
  })

  test('makes a lightweight tag without one, or of a blank one', async () => {
    for (const message of ['', ' ', '\n\t ']) {
      const { tag } = await createTag(`light-${message.length}`, 'main', message)
      expect(tag).toMatchObject({ id: main, target_commit: { id: main }, message: bytes(''), tagger: null })
    }
  })

  test('takes any revision for its target, and peels what it finds to a commit', async () => {
    const { tag } = await createTag('first', 'main', 'message')
    const again = await createTag('second', 'first', 'message')
    expect(again.tag.target_commit.id).toBe(main)
    expect(oidOf('refs/tags/second^{commit}')).toBe(main)
    // A lightweight tag of a tag is one of the commit.
    expect((await createTag('third', 'first')).tag).toMatchObject({ id: main, message: bytes(''), tagger: null })
    expect(oidOf('refs/tags/third')).toBe(main)
    expect(tag.id).not.toBe(main)
    const tree = await createTag('tree', `${main}^{tree}`)
    expect(tree.tag).toMatchObject({ id: oidOf('main^{tree}'), target_commit: null })
  })

  test('never moves a tag', async () => {
    await createTag('r1', main)
    const error = await expectRefused(createTag('r1', main, 'message'), Code.ALREADY_EXISTS)
    expect(detailOf(error)).toEqual({
      type: 'UserCreateTagError',
      case: 'reference_exists',
      fields: { reference_name: bytes('refs/tags/r1'), oid: main },
    })
    // A branch of that name, or a tag whose name merely ends so, is no such tag.
    await createBranch('b', 'main')
    await createTag('b', main)
    await updateReferences(update('refs/tags/refs/tags/ghost', main))
    await createTag('ghost', main)
    await createTag(`v1-2-g${main.slice(0, 10)}`, main)
  })

  test('of several at once makes it once, and tells the others that it exists', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => createTag('race', main, `message ${index}`)),
    )
    const made = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.tag.id] : []))
    expect(made).toEqual([oidOf('refs/tags/race')])
    for (const result of results) {
      if (result.status === 'rejected') {
        expect(Code[result.reason.code]).toBe(Code[Code.ALREADY_EXISTS])
        expect(detailOf(result.reason)).toMatchObject({ case: 'reference_exists', fields: { oid: made[0] } })
      }
    }
  })

  test('refuses what cannot be', async () => {
    await expectRefused(createTag('x', 'none'), Code.FAILED_PRECONDITION)
    await expectRefused(createTag('x', NO_OBJECT, 'message'), Code.FAILED_PRECONDITION)
    await expectRefused(createTag('x', ''), Code.INVALID_ARGUMENT)
    await expectRefused(createTag('a b', main), Code.INVALID_ARGUMENT)
    await expectRefused(createTag('', main), Code.INVALID_ARGUMENT)
    await expectRefused(createTag('x', main, 'a\0b'), Code.INVALID_ARGUMENT)
    const request = { repository, tag_name: bytes('x'), target_revision: bytes(main) }
    await expectRefused(client.unary('OperationService', 'UserCreateTag', request), Code.INVALID_ARGUMENT)
    await createTag('dir', main)
    const clash = await expectRefused(createTag('dir/below', main), Code.FAILED_PRECONDITION)
    expect(detailOf(clash)).toMatchObject({
      type: 'UserCreateTagError',
      case: 'reference_update',
      fields: { reference_name: bytes('refs/tags/dir/below'), old_oid: ZERO, new_oid: main },
    })
  })

  test('dates it as told', async () => {
    const request = on({
      tag_name: bytes('dated'),
      target_revision: bytes(main),
      message: bytes('m'),
      timestamp: { seconds: 1_700_000_000 },
      user: { ...USER, timezone: 'America/New_York' },
    })
    const { tag } = await client.unary('OperationService', 'UserCreateTag', request)
    expect(tag.tagger).toMatchObject({ date: { seconds: 1_700_000_000 }, timezone: bytes('-0500') })
  })
})

describe('FindTag and FindAllTags', () => {
  test('answer short names, and what UserCreateTag answered', async () => {
    const { tag } = await createTag('r2025.01.01.1', main, 'Release r2025.01.01.1')
    await createTag('light', main)
    expect((await findTag('r2025.01.01.1')).tag).toEqual(tag)
    expect((await findTag('refs/tags/light')).tag).toMatchObject({ name: bytes('light'), id: main })
    expect(names(await allTags())).toEqual(['light', 'r2025.01.01.1'])
    expect((await allTags())[1]).toEqual(tag)
    const page = (page_token: string, limit: number) => allTags({ pagination_params: { page_token, limit } })
    expect(names(await page('', 1))).toEqual(['light'])
    expect(names(await page('refs/tags/light', 5))).toEqual(['r2025.01.01.1'])
  })

  test('FindTag of none is NOT_FOUND', async () => {
    await createTag('dir/tag', main)
    await createBranch('branch', 'main')
    for (const name of ['x', 'dir', 'branch', `v1-2-g${main.slice(0, 10)}`]) {
      const error = await expectFailure(findTag(name), Code.NOT_FOUND)
      expect(detailOf(error)).toEqual({
        type: 'FindTagError',
        case: 'tag_not_found',
        fields: { reference_name: bytes(`refs/tags/${name}`) },
      })
    }
    await expectFailure(findTag(''), Code.INVALID_ARGUMENT)
  })

  test('tags that git made, signed or packed, are read as well', async () => {
    git('-c', 'user.name=Tagger', '-c', 'user.email=t@example.com', 'tag', '-a', '-m', 'by git\n\nbody', 'by-git', main)
    git('pack-refs', '--all')
    expect((await findTag('by-git')).tag).toMatchObject({
      target_commit: { id: main },
      message: bytes('by git\n\nbody'),
    })
  })

  test('a list of 2,000 stays below 1 MiB a message', async () => {
    const many = Array.from({ length: 2000 }, (_, index) => update(`refs/tags/${'n'.repeat(120)}/${index}`, main))
    await updateReferences(...many)
    const replies = await client.list('RefService', 'FindAllTags', { repository })
    expect(replies.length).toBeGreaterThan(1)
    expect(replies.flatMap(({ tags }) => tags)).toHaveLength(2000)
  })
})

describe('UserDeleteTag', () => {
  test('deletes a tag at the expected object only', async () => {
    const { tag } = await createTag('r1', main, 'message')
    await expectRefused(deleteTag('r1', main), Code.FAILED_PRECONDITION)
    await expectRefused(deleteTag('r1', ZERO), Code.FAILED_PRECONDITION)
    await expectRefused(deleteTag('r1', 'abc'), Code.INVALID_ARGUMENT)
    await expectRefused(deleteTag('none'), Code.FAILED_PRECONDITION)
    await expectRefused(deleteTag(''), Code.INVALID_ARGUMENT)
    await expectRefused(deleteTag('a b'), Code.INVALID_ARGUMENT)
    const request = { repository, tag_name: bytes('r1') }
    await expectRefused(client.unary('OperationService', 'UserDeleteTag', request), Code.INVALID_ARGUMENT)
    await deleteTag('r1', tag.id)
    expect(refs()).toBe(`refs/heads/main ${main}\n`)
    await expectRefused(deleteTag('r1'), Code.FAILED_PRECONDITION)
  })

  test('leaves alone what is no tag', async () => {
    await createBranch('b', 'main')
    await expectRefused(deleteTag('b'), Code.FAILED_PRECONDITION)
    await expectRefused(deleteTag(`v1-2-g${main.slice(0, 10)}`), Code.FAILED_PRECONDITION)
  })
})
