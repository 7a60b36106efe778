import { expect, test } from 'vitest'
import { changedOnBoth } from './changed-on-both.ts'

const file = (path: string, old_path: string | null = null) => ({ path, old_path, additions: 1, deletions: 0 })

test.each([
  ['nothing', [], [], []],
  ['different files', [file('a')], [file('b')], []],
  ['the same file', [file('b'), file('a')], [file('a'), file('b')], ['a', 'b']],
  ['a renamed file', [file('new', 'old')], [file('old')], ['old']],
  ['a file where a directory is', [file('dir/deep/x')], [file('dir')], ['dir', 'dir/deep/x']],
  ['the other way round', [file('dir')], [file('dir/x'), file('dirt')], ['dir', 'dir/x']],
])('%s', (_what, ours, theirs, met) => {
  expect(changedOnBoth(ours, theirs)).toEqual(met)
})
