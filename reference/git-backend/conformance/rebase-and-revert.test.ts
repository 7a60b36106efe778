// UserRebaseToRef and UserRevert (contract 4.2, 4.8).

import { status as Code } from '@grpc/grpc-js'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  bytes,
  commit,
  createBranch,
  detailOf,
  expectRefused,
  git,
  mergeBranch,
  NO_OBJECT,
  oidOf,
  rebaseToRef,
  refs,
  repository,
  revert,
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

beforeEach(async () => {
  base = await commit('main', [
    { path: 'a', content: '1\n2\n3\n4\n5\n' },
    { path: 'b', content: 'b\n' },
  ])
  await commit('feature', [{ action: UPDATE, path: 'a', content: '1\n2\n3\n4\nfeature\n' }], { start_sha: base })
  main = await commit('main', [{ action: UPDATE, path: 'a', content: 'main\n2\n3\n4\n5\n' }])
  await commit('clash', [{ action: UPDATE, path: 'a', content: 'clash\n2\n3\n4\n5\n' }], { start_sha: base })
})

const subjects = (range: string) => git('log', '--format=%s', range).trim().split('\n')

describe('UserRebaseToRef', () => {
  test('replays what is missing, keeps authors, and drops what is there already', async () => {
    const author = {
      commit_author_name: bytes('Grace'),
      commit_author_email: bytes('g@example.com'),
      commit_message: bytes('of Grace\n\nbody\n'),
      timestamp: { seconds: 1_600_000_000 },
    }
    // The same change as main's own: applied already.
    await commit('feature', [{ action: UPDATE, path: 'b', content: 'B\n' }], author)
    await commit('main', [{ action: UPDATE, path: 'b', content: 'B\n' }])
    await commit('feature', [{ path: 'c', content: 'c\n' }], author)
    const { commit_id } = await rebaseToRef(tip('feature'), 'refs/heads/main', 'refs/heads/feature', {
      expected_old_oid: tip('feature'),
    })
    expect(tip('feature')).toBe(commit_id)
    expect(git('log', '--format=%an|%cn', 'main..feature').trim().split('\n')).toEqual([
      'Grace|Ada Lovelace',
      'Ada Lovelace|Ada Lovelace',
    ])
    expect(git('show', 'feature:a')).toBe('main\n2\n3\n4\nfeature\n')
    expect(git('log', '-1', '--format=%B|%at', 'feature')).toBe('of Grace\n\nbody\n|1600000000\n')
    expect(Number(git('log', '-1', '--format=%ct', 'feature'))).toBeGreaterThan(1_600_000_000)
    expect(git('rev-list', '--parents', 'main..feature').trim().split('\n').at(-1)).toContain(tip('main'))
  })

  test('onto an ancestor is the source as it is; of an ancestor it is onto', async () => {
    const ahead = await commit('main', [])
    expect((await rebaseToRef(ahead, main, 'refs/heads/x')).commit_id).toBe(ahead)
    expect(tip('x')).toBe(ahead)
    expect((await rebaseToRef(base, 'main', 'refs/heads/y')).commit_id).toBe(ahead)
    expect((await rebaseToRef(ahead, 'main', 'refs/heads/z')).commit_id).toBe(ahead)
  })

  test('drops merges and what has become empty, keeps what was always empty', async () => {
    await mergeBranch(main, 'feature')
    await commit('feature', [], { commit_message: bytes('always empty') })
    // In another form than on main: the patch differs, but nothing of it is left.
    await commit('feature', [{ action: UPDATE, path: 'b', content: 'B\n' }], { commit_message: bytes('in parts') })
    await commit('main', [{ action: UPDATE, path: 'b', content: 'x\n' }])
    await commit('main', [{ action: UPDATE, path: 'b', content: 'B\n' }])
    await commit('feature', [{ path: 'c', content: 'c' }], { commit_message: bytes('last') })
    await rebaseToRef(tip('feature'), 'main', 'refs/heads/feature')
    expect(subjects('main..feature')).toEqual(['last', 'always empty', 'change'])
    expect(git('rev-list', '--merges', 'main..feature')).toBe('')
  })

  test('a conflict says so and leaves everything as it was', async () => {
    const error = await expectRefused(rebaseToRef(tip('clash'), 'main', 'refs/heads/clash'), Code.FAILED_PRECONDITION)
    expect(error.details).toContain('conflict')
  })

  test('moves the target alone, and creates it if it is absent', async () => {
    const before = refs()
    const feature = tip('feature')
    const { commit_id } = await rebaseToRef(feature, 'main', 'refs/conman/rebased')
    expect(refs()).toBe(`refs/conman/rebased ${commit_id}\n${before}`)
  })

  test("called as Conman calls it, sets the integration branch to the workspace's head", async () => {
    // The two references the wrong way round: the contract wants the rule implemented faithfully, for others to flag.
    await createBranch('ws/u/app', 'main')
    const head = await commit('ws/u/app', [{ path: 'w', content: 'w' }])
    const { commit_id } = await rebaseToRef(head, 'refs/heads/ws/u/app', 'refs/heads/main')
    expect(commit_id).toBe(head)
    expect(tip('main')).toBe(head)
  })

  test('4.2: the target must be at the expected commit', async () => {
    const source = tip('feature')
    const at = (expected_old_oid: string, target = 'feature') =>
      rebaseToRef(source, 'main', `refs/heads/${target}`, { expected_old_oid })
    await expectRefused(at(main), Code.FAILED_PRECONDITION)
    await expectRefused(at(ZERO), Code.FAILED_PRECONDITION)
    await expectRefused(at(main, 'none'), Code.FAILED_PRECONDITION)
    await expectRefused(at('abc'), Code.INVALID_ARGUMENT)
    await at(ZERO, 'new')
    await at(source)
  })

  test('refuses what is missing or malformed', async () => {
    await expectRefused(rebaseToRef(NO_OBJECT, 'main', 'refs/heads/x'), Code.INVALID_ARGUMENT)
    await expectRefused(rebaseToRef('', 'main', 'refs/heads/x'), Code.INVALID_ARGUMENT)
    await expectRefused(rebaseToRef(main, 'none', 'refs/heads/x'), Code.INVALID_ARGUMENT)
    await expectRefused(rebaseToRef(main, '', 'refs/heads/x'), Code.INVALID_ARGUMENT)
    for (const target of ['', 'x', 'HEAD', 'refs/heads/a b', 'refs/heads/x.lock']) {
      await expectRefused(rebaseToRef(main, 'main', target), Code.INVALID_ARGUMENT)
    }
    await expectRefused(rebaseToRef(main, 'main', 'refs/heads/main/below'), Code.FAILED_PRECONDITION)
    await expectRefused(rebaseToRef(main, 'main', 'refs/heads/x', { user: null }), Code.INVALID_ARGUMENT)
  })
})

describe('UserRevert', () => {
  test('takes a change back by a commit of one parent, or says why not', async () => {
    const { branch_update } = await revert(main, 'main')
    expect(branch_update).toEqual({ commit_id: tip('main'), repo_created: false, branch_created: false })
    expect(git('show', 'main:a')).toBe('1\n2\n3\n4\n5\n')
    expect(git('log', '-1', '--format=%P|%s|%an|%cn', 'main').trim()).toBe(`${main}|revert|Ada Lovelace|Ada Lovelace`)
    const again = await expectRefused(revert(main, 'main'), Code.FAILED_PRECONDITION)
    expect(detailOf(again)).toEqual({ type: 'UserRevertError', case: 'changes_already_applied', fields: {} })
    const other = await commit('main', [{ action: UPDATE, path: 'a', content: 'other\n2\n3\n4\n5\n' }])
    const clash = await expectRefused(revert(main, 'main'), Code.FAILED_PRECONDITION)
    expect(detailOf(clash)).toEqual({
      type: 'UserRevertError',
      case: 'merge_conflict',
      fields: { conflicting_files: [bytes('a')], conflicting_commit_ids: [other, main] },
    })
  })

  test('of a merge takes back what it brought to its first parent; of a root commit everything', async () => {
    await mergeBranch(tip('feature'), 'main')
    await revert(tip('main'), 'main')
    expect(git('show', 'main:a')).toBe('main\n2\n3\n4\n5\n')
    await createBranch('root', base)
    await revert(base, 'root')
    expect(oidOf('root^{tree}')).toBe('4b825dc642cb6eb9a060e54bf8d69288fbee4904')
  })

  test('on top of a start branch, which the branch must not have left', async () => {
    const { branch_update } = await revert(main, 'reverted', { start_branch_name: bytes('main') })
    expect(branch_update).toEqual({ commit_id: tip('reverted'), repo_created: false, branch_created: true })
    expect(git('log', '-1', '--format=%P', 'reverted').trim()).toBe(main)
    expect(tip('main')).toBe(main)
    // A branch behind the start is moved there; one that has commits of its own is not.
    await createBranch('behind', base)
    await revert(main, 'behind', { start_branch_name: bytes('main') })
    expect(git('log', '-1', '--format=%P', 'behind').trim()).toBe(main)
    const error = await expectRefused(
      revert(main, 'feature', { start_branch_name: bytes('main') }),
      Code.FAILED_PRECONDITION,
    )
    expect(detailOf(error)).toEqual({
      type: 'UserRevertError',
      case: 'not_ancestor',
      fields: { parent_revision: bytes(tip('feature')), child_revision: bytes(main) },
    })
    await revert(main, 'again', { start_branch_name: bytes('main'), start_repository: repository })
    const elsewhere = { ...repository, relative_path: 'apps/other.git' }
    await expectRefused(revert(main, 'main', { start_repository: elsewhere }), Code.INVALID_ARGUMENT)
  })

  test('tried out, moves nothing', async () => {
    const before = refs()
    const { branch_update } = await revert(main, 'main', { dry_run: true })
    expect(branch_update.commit_id).toBe(main)
    expect(refs()).toBe(before)
    await expectRefused(revert(main, 'clash', { dry_run: true }), Code.FAILED_PRECONDITION)
  })

  test('4.2: the branch must be at the expected commit', async () => {
    const at = (expected_old_oid: string, branch = 'main', fields = {}) =>
      revert(main, branch, { expected_old_oid, ...fields })
    await expectRefused(at(base), Code.FAILED_PRECONDITION)
    await expectRefused(at(ZERO), Code.FAILED_PRECONDITION)
    await expectRefused(at('abc'), Code.INVALID_ARGUMENT)
    await at(ZERO, 'new', { start_branch_name: bytes('main') })
    await at(main)
  })

  test('refuses what is missing', async () => {
    await expectRefused(revert(NO_OBJECT, 'main'), Code.NOT_FOUND)
    await expectRefused(revert('', 'main'), Code.INVALID_ARGUMENT)
    await expectRefused(revert(main, 'main', { commit: null }), Code.INVALID_ARGUMENT)
    await expectRefused(revert(main, 'none'), Code.FAILED_PRECONDITION)
    await expectRefused(revert(main, ''), Code.INVALID_ARGUMENT)
    await expectRefused(revert(main, 'main', { message: bytes('') }), Code.INVALID_ARGUMENT)
    await expectRefused(revert(main, 'main', { user: null }), Code.INVALID_ARGUMENT)
    await updateReferences(update('refs/tags/refs/heads/ghost', main))
    await expectRefused(revert(main, 'ghost'), Code.FAILED_PRECONDITION)
  })
})
