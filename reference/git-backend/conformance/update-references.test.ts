// UpdateReferences: references are moved together or not at all (contract 4.2, W7).

import { closeSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { status as Code } from '@grpc/grpc-js'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  bytes,
  client,
  commit,
  createBranch,
  detailOf,
  directory,
  expectRefused,
  git,
  NO_OBJECT,
  oidOf,
  refs,
  repository,
  tip,
  update,
  updateReferences,
  useBackend,
  ZERO,
} from './backend.ts'

useBackend()

let main: string
let other: string

beforeEach(async () => {
  main = await commit('main', [{ path: 'a', content: 'a' }])
  other = await commit('other', [{ path: 'b', content: 'b' }], { start_branch_name: bytes('main') })
})

describe('W7: references are moved', () => {
  test('all or none', async () => {
    const error = await expectRefused(
      updateReferences(update('refs/heads/main', other, main), update('refs/heads/other', main, main)),
      Code.ABORTED,
    )
    expect(detailOf(error)).toEqual({
      type: 'UpdateReferencesError',
      case: 'reference_state_mismatch',
      fields: {
        reference_name: bytes('refs/heads/other'),
        expected_object_id: bytes(main),
        actual_object_id: bytes(other),
      },
    })
    await client.send('RefService', 'UpdateReferences', [
      { repository, updates: [update('refs/heads/main', other, main)] },
      { updates: [update('refs/heads/other', ZERO, other), update('refs/conman/x', main, ZERO)] },
    ])
    expect(refs()).toBe(`refs/conman/x ${main}\nrefs/heads/main ${other}\n`)
  })

  test('without a check if the old id is empty, and by several messages at once', async () => {
    await updateReferences(update('refs/heads/main', other))
    expect(tip('main')).toBe(other)
    await updateReferences(update('refs/heads/new', other))
    expect(tip('new')).toBe(other)
    await client.send('RefService', 'UpdateReferences', [
      { repository },
      { updates: [update('refs/heads/main', main)] },
      { updates: [] },
      { updates: [update('refs/heads/new', main)] },
    ])
    expect([tip('main'), tip('new')]).toEqual([main, main])
  })

  test('only where they must not exist, for an old id of zeros', async () => {
    await updateReferences(update('refs/heads/new', main, ZERO))
    const error = await expectRefused(updateReferences(update('refs/heads/new', other, ZERO)), Code.ABORTED)
    expect(detailOf(error)).toMatchObject({
      case: 'reference_state_mismatch',
      fields: { expected_object_id: bytes(ZERO), actual_object_id: bytes(main) },
    })
    const missing = await expectRefused(updateReferences(update('refs/heads/none', other, main)), Code.ABORTED)
    expect(detailOf(missing)).toMatchObject({
      case: 'reference_state_mismatch',
      fields: {
        reference_name: bytes('refs/heads/none'),
        expected_object_id: bytes(main),
        actual_object_id: bytes(ZERO),
      },
    })
  })

  test('away, for a new id of zeros', async () => {
    await expectRefused(updateReferences(update('refs/heads/other', ZERO, main)), Code.ABORTED)
    await updateReferences(update('refs/heads/other', ZERO, other))
    await updateReferences(update('refs/heads/main', ZERO))
    expect(refs()).toBe('')
  })

  test('whatever their names are', async () => {
    const name = "refs/heads/it's/'quoted'"
    await updateReferences(update(name, main, ZERO))
    const error = await expectRefused(updateReferences(update(name, other, other)), Code.ABORTED)
    expect(detailOf(error)?.fields).toEqual({
      reference_name: bytes(name),
      expected_object_id: bytes(other),
      actual_object_id: bytes(main),
    })
    await updateReferences(update('refs/heads/HEAD', main), update('refs/heads/-x', main), update('refs/notes/a', main))
    expect(git('for-each-ref', 'refs/notes').trim()).toContain('refs/notes/a')
  })

  test('also when git has packed them', async () => {
    git('pack-refs', '--all')
    await updateReferences(update('refs/heads/main', other, main), update('refs/heads/other', ZERO, other))
    expect(refs()).toBe(`refs/heads/main ${other}\n`)
  })

  test('in a transaction of 500', async () => {
    const names = Array.from({ length: 500 }, (_, index) => `refs/heads/many/${index}`)
    await updateReferences(...names.map((name) => update(name, main, ZERO)))
    const stale = names.map((name, index) => update(name, other, index === 499 ? other : main))
    await expectRefused(updateReferences(...stale), Code.ABORTED)
    await updateReferences(...names.map((name) => update(name, ZERO, main)))
    expect(refs()).toBe(`refs/heads/main ${main}\nrefs/heads/other ${other}\n`)
  })
})

describe('UpdateReferences refuses', () => {
  test('what is empty or malformed', async () => {
    await expectRefused(updateReferences(), Code.INVALID_ARGUMENT)
    await expectRefused(client.send('RefService', 'UpdateReferences', []), Code.INVALID_ARGUMENT)
    await expectRefused(client.send('RefService', 'UpdateReferences', [{ updates: [] }]), Code.INVALID_ARGUMENT)
    await expectRefused(updateReferences(update('refs/heads/x', 'nonsense')), Code.INVALID_ARGUMENT)
    await expectRefused(updateReferences(update('refs/heads/x', '')), Code.INVALID_ARGUMENT)
    await expectRefused(updateReferences(update('refs/heads/x', main, 'nonsense')), Code.INVALID_ARGUMENT)
    await expectRefused(updateReferences(update('refs/heads/x', main.toUpperCase())), Code.INVALID_ARGUMENT)
    await expectRefused(
      client.send('RefService', 'UpdateReferences', [
        { repository },
        { repository, updates: [update('refs/heads/x', main)] },
      ]),
      Code.INVALID_ARGUMENT,
    )
  })

  test('names that are no references', async () => {
    for (const name of [
      '',
      'HEAD',
      'main',
      'heads/main',
      'refs/heads/a b',
      'refs/heads/../../x',
      'refs/heads/x.lock',
    ]) {
      const error = await expectRefused(updateReferences(update(name, main)), Code.INVALID_ARGUMENT)
      expect(detailOf(error)).toEqual({
        type: 'UpdateReferencesError',
        case: 'invalid_format',
        fields: { refs: [bytes(name)] },
      })
    }
  })

  test('objects that are missing, and for a branch what is no commit', async () => {
    await expectRefused(updateReferences(update('refs/heads/x', NO_OBJECT)), Code.NOT_FOUND)
    await expectRefused(updateReferences(update('refs/heads/x', oidOf('main^{tree}'))), Code.INVALID_ARGUMENT)
    await updateReferences(update('refs/tags/tree', oidOf('main^{tree}')))
  })

  test('one reference twice, and names that are directories of each other', async () => {
    await expectRefused(
      updateReferences(update('refs/heads/x', main, ZERO), update('refs/heads/x', main)),
      Code.INVALID_ARGUMENT,
    )
    await expectRefused(updateReferences(update('refs/heads/main/x', main)), Code.FAILED_PRECONDITION)
    await expectRefused(
      updateReferences(update('refs/heads/p', main), update('refs/heads/p/q', main)),
      Code.FAILED_PRECONDITION,
    )
    await createBranch('ws/u/app', 'main')
    await expectRefused(updateReferences(update('refs/heads/ws/u', main)), Code.FAILED_PRECONDITION)
  })

  test('a reference that another program is writing', async () => {
    const lock = join(directory(), 'refs/heads/other.lock')
    closeSync(openSync(lock, 'w'))
    const error = await expectRefused(
      updateReferences(update('refs/heads/main', other, main), update('refs/heads/other', main, other)),
      Code.ABORTED,
    )
    expect(detailOf(error)).toEqual({
      type: 'UpdateReferencesError',
      case: 'references_locked',
      fields: { refs: [bytes('refs/heads/other')] },
    })
    rmSync(lock)
    await updateReferences(update('refs/heads/other', main, other))
  })
})
