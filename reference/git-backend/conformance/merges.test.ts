// UserMergeToRef and UserMergeBranch (contract 4.2, 4.8, W6, W10).

import { readdirSync } from 'node:fs'
import { status as Code } from '@grpc/grpc-js'
import { beforeEach, describe, expect, test } from 'vitest'
import { methodOf, type Reply, USER } from '../client.ts'
import {
  bytes,
  client,
  commit,
  createTag,
  detailOf,
  directory,
  expectFailure,
  expectRefused,
  git,
  MERGE_REF,
  mergeBranch,
  mergeBranchRequest,
  mergeToRef,
  NO_OBJECT,
  oidOf,
  on,
  tip,
  UPDATE,
  update,
  updateReferences,
  useBackend,
  ZERO,
} from './backend.ts'

useBackend()

let base: string
let main: string
let feature: string

beforeEach(async () => {
  base = await commit('main', [
    { path: 'a', content: '1\n2\n3\n4\n5\n' },
    { path: 'b', content: 'b\n' },
  ])
  feature = await commit('feature', [{ action: UPDATE, path: 'a', content: '1\n2\n3\n4\nfeature\n' }], {
    start_sha: base,
  })
  main = await commit('main', [{ action: UPDATE, path: 'a', content: 'main\n2\n3\n4\n5\n' }])
  await commit('clash', [{ action: UPDATE, path: 'a', content: 'clash\n2\n3\n4\n5\n' }], { start_sha: base })
})

const parents = (oid: string) => git('log', '-1', '--format=%P', oid).trim()

describe('UserMergeToRef', () => {
  test('makes a commit of two parents and moves the target alone', async () => {
    const { commit_id } = await mergeToRef(feature, 'refs/heads/main')
    expect(oidOf(MERGE_REF)).toBe(commit_id)
    expect(parents(commit_id)).toBe(`${main} ${feature}`)
    expect(git('show', `${commit_id}:a`)).toBe('main\n2\n3\n4\nfeature\n')
    expect([tip('main'), tip('feature')]).toEqual([main, feature])
    expect(git('log', '-1', '--format=%an <%ae>|%cn <%ce>|%s', commit_id).trim()).toBe(
      'Ada Lovelace <ada@example.com>|Ada Lovelace <ada@example.com>|merge',
    )
  })

  test('overwrites the target, and goes on from it', async () => {
    const first = await mergeToRef(feature, 'main')
    const again = await mergeToRef(feature, 'main', { message: bytes('again') })
    expect(again.commit_id).not.toBe(first.commit_id)
    expect(oidOf(MERGE_REF)).toBe(again.commit_id)
    const more = await commit('more', [{ path: 'c', content: 'c' }], { start_sha: base })
    const next = await mergeToRef(more, again.commit_id)
    expect(parents(next.commit_id)).toBe(`${again.commit_id} ${more}`)
    expect(git('ls-tree', '--name-only', MERGE_REF).trim().split('\n')).toEqual(['a', 'b', 'c'])
  })

  test('makes that commit also where nothing is left to merge', async () => {
    for (const [source, onto] of [
      [base, main],
      [main, main],
      [main, base],
    ] as const) {
      const { commit_id } = await mergeToRef(source, onto)
      expect(parents(commit_id)).toBe(`${onto} ${source}`)
      expect(oidOf(`${commit_id}^{tree}`)).toBe(oidOf(`${main}^{tree}`))
    }
  })

  test('merges histories that share nothing', async () => {
    const foreign = await commit('foreign', [{ path: 'f', content: 'f' }])
    const { commit_id } = await mergeToRef(foreign, 'main')
    expect(git('ls-tree', '--name-only', commit_id).trim().split('\n')).toEqual(['a', 'b', 'f'])
  })

  test('takes any revisions, the deprecated branch in place of a first parent, and the time as told', async () => {
    await createTag('annotated', feature, 'a tag')
    const request = on({
      source_sha: 'annotated',
      target_ref: bytes(MERGE_REF),
      branch: bytes('main'),
      message: bytes('merge'),
      allow_conflicts: true,
      sign: true,
      timestamp: { seconds: 1_700_000_000 },
      user: { ...USER, timezone: 'Europe/Berlin' },
    })
    const { commit_id } = await client.unary('OperationService', 'UserMergeToRef', request)
    expect(parents(commit_id)).toBe(`${main} ${feature}`)
    expect(git('log', '-1', '--format=%ad|%cd', '--date=raw', commit_id).trim()).toBe(
      '1700000000 +0100|1700000000 +0100',
    )
  })

  test('refuses targets that are not for merges, and what is missing', async () => {
    for (const target of [
      'refs/heads/main',
      'refs/heads/x',
      'refs/conman/compose/1',
      'main',
      'refs/merge-requests/a b',
      '',
    ]) {
      await expectRefused(mergeToRef(feature, 'main', { target_ref: bytes(target) }), Code.INVALID_ARGUMENT)
    }
    await expectRefused(mergeToRef(NO_OBJECT, 'main'), Code.INVALID_ARGUMENT)
    await expectRefused(mergeToRef('none', 'main'), Code.INVALID_ARGUMENT)
    await expectRefused(mergeToRef('', 'main'), Code.INVALID_ARGUMENT)
    await expectRefused(mergeToRef(feature, 'none'), Code.INVALID_ARGUMENT)
    await expectRefused(mergeToRef(feature, ''), Code.INVALID_ARGUMENT)
    await expectRefused(mergeToRef(feature, 'main', { user: null }), Code.INVALID_ARGUMENT)
    await expectRefused(mergeToRef(feature, 'main', { message: bytes('a\0b') }), Code.INVALID_ARGUMENT)
  })

  test('W6: a conflict says so and leaves everything as it was', async () => {
    await mergeToRef(feature, 'main')
    const names = () =>
      readdirSync(directory(), { recursive: true }).filter((name) => !/objects|scratch/.test(String(name)))
    const before = names()
    const error = await expectRefused(mergeToRef(tip('clash'), 'main'), Code.FAILED_PRECONDITION)
    expect(error.details).toContain('conflict')
    expect(names()).toEqual(before)
  })

  test('4.2: the target must be at the expected commit', async () => {
    await expectRefused(mergeToRef(feature, 'main', { expected_old_oid: main }), Code.FAILED_PRECONDITION)
    const { commit_id } = await mergeToRef(feature, 'main', { expected_old_oid: ZERO })
    await expectRefused(mergeToRef(feature, 'main', { expected_old_oid: ZERO }), Code.FAILED_PRECONDITION)
    await expectRefused(mergeToRef(feature, 'main', { expected_old_oid: main }), Code.FAILED_PRECONDITION)
    await mergeToRef(feature, 'main', { expected_old_oid: commit_id, message: bytes('again') })
    await expectRefused(mergeToRef(feature, 'main', { expected_old_oid: 'abc' }), Code.INVALID_ARGUMENT)
  })

  test('of several at once into one target, each says whether it was the one', async () => {
    await mergeToRef(feature, 'main')
    const at = oidOf(MERGE_REF)
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, (_, index) =>
        mergeToRef(feature, 'main', { expected_old_oid: at, message: bytes(`merge ${index}`) }),
      ),
    )
    const done = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.commit_id] : []))
    expect(done).toEqual([oidOf(MERGE_REF)])
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason.code).toBe(Code.FAILED_PRECONDITION)
    }
  })
})

/** A UserMergeBranch whose second request is sent when the test says so. */
function openMerge(request: object) {
  const { path, requestSerialize, responseDeserialize } = methodOf('OperationService', 'UserMergeBranch')
  const call = client.grpc.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
  call.write(request)
  return { call, replies: call[Symbol.asyncIterator]() as AsyncIterator<Reply> }
}

describe('UserMergeBranch', () => {
  test('W10: with both requests at once', async () => {
    const replies = await mergeBranch(feature, 'main')
    expect(replies).toHaveLength(2)
    expect(replies[0]).toMatchObject({ branch_update: null })
    expect(replies[1]).toMatchObject({
      commit_id: '',
      branch_update: { commit_id: replies[0].commit_id, branch_created: false, repo_created: false },
    })
    expect(tip('main')).toBe(replies[0].commit_id)
    expect(parents(tip('main'))).toBe(`${main} ${feature}`)
    expect(git('show', 'main:a')).toBe('main\n2\n3\n4\nfeature\n')
  })

  test('moves the branch only when the second request says so', async () => {
    const { call, replies } = openMerge(mergeBranchRequest(feature, 'main'))
    const first = await replies.next()
    expect(first.value.commit_id).toMatch(/^[0-9a-f]{40}$/)
    expect(tip('main')).toBe(main)
    call.write({ apply: true })
    call.end()
    const second = await replies.next()
    expect(second.value.branch_update.commit_id).toBe(first.value.commit_id)
    expect(tip('main')).toBe(first.value.commit_id)
    expect((await replies.next()).done).toBe(true)
  })

  test('leaves the branch where it is if the second request says no, or never comes', async () => {
    const exchange = (...requests: object[]) => client.exchange('OperationService', 'UserMergeBranch', requests)
    const request = mergeBranchRequest(feature, 'main')
    await expectRefused(exchange(request), Code.FAILED_PRECONDITION)
    await expectRefused(exchange(request, { apply: false }), Code.FAILED_PRECONDITION)
    await expectRefused(exchange(), Code.INVALID_ARGUMENT)
    const { call, replies } = openMerge(request)
    await replies.next()
    call.cancel()
    await expectFailure(replies.next() as Promise<unknown>, Code.CANCELLED)
    expect(tip('main')).toBe(main)
  })

  test('is refused if the branch has moved since the first reply', async () => {
    const { call, replies } = openMerge(mergeBranchRequest(feature, 'main'))
    const first = await replies.next()
    const moved = await commit('main', [])
    call.write({ apply: true })
    call.end()
    const error = await expectFailure(replies.next() as Promise<unknown>, Code.FAILED_PRECONDITION)
    expect(detailOf(error)).toEqual({
      type: 'UserMergeBranchError',
      case: 'reference_update',
      fields: { reference_name: bytes('refs/heads/main'), old_oid: main, new_oid: first.value.commit_id },
    })
    expect(tip('main')).toBe(moved)
  })

  test('of a conflict names the files and the commits', async () => {
    await commit('clash', [{ path: 'ünï/ x', content: 'theirs' }])
    await commit('main', [{ path: 'ünï/ x', content: 'ours' }])
    const at = tip('main')
    const error = await expectRefused(mergeBranch(tip('clash'), 'main'), Code.FAILED_PRECONDITION)
    expect(error.details).toContain('conflict')
    expect(detailOf(error)).toEqual({
      type: 'UserMergeBranchError',
      case: 'merge_conflict',
      fields: { conflicting_files: [bytes('a'), bytes('ünï/ x')], conflicting_commit_ids: [at, tip('clash')] },
    })
  })

  test('squashes into one parent when told to', async () => {
    await mergeBranch(feature, 'main', { squash: true })
    expect(parents(tip('main'))).toBe(main)
    expect(git('show', 'main:a')).toBe('main\n2\n3\n4\nfeature\n')
  })

  test('4.2: the branch must be at the expected commit', async () => {
    await expectRefused(mergeBranch(feature, 'main', { expected_old_oid: base }), Code.FAILED_PRECONDITION)
    await expectRefused(mergeBranch(feature, 'main', { expected_old_oid: ZERO }), Code.FAILED_PRECONDITION)
    await expectRefused(mergeBranch(feature, 'main', { expected_old_oid: 'abc' }), Code.INVALID_ARGUMENT)
    await mergeBranch(feature, 'main', { expected_old_oid: main })
  })

  test('refuses what is missing', async () => {
    await expectRefused(mergeBranch(feature, 'none'), Code.NOT_FOUND)
    await expectRefused(mergeBranch(NO_OBJECT, 'main'), Code.INVALID_ARGUMENT)
    await expectRefused(mergeBranch(feature, ''), Code.INVALID_ARGUMENT)
    await expectRefused(mergeBranch(feature, 'a b'), Code.INVALID_ARGUMENT)
    await expectRefused(mergeBranch(feature, 'main', { message: bytes('') }), Code.INVALID_ARGUMENT)
    await expectRefused(mergeBranch(feature, 'main', { user: null }), Code.INVALID_ARGUMENT)
    await updateReferences(update('refs/tags/refs/heads/ghost', main))
    await expectRefused(mergeBranch(feature, 'ghost'), Code.NOT_FOUND)
  })
})
