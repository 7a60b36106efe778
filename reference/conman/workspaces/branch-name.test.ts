import { ObjectId } from 'mongodb'
import { describe, expect, test } from 'vitest'
import { branchNameProblem, defaultBranchName, requireWorkspaceBranchName } from './branch-name.ts'

const owner = new ObjectId('66f0a1b2c3d4e5f60718293a')

describe('branch names', () => {
  test.each(['main', 'feature/new-parser', 'ws/alice/app', 'release-1.2', 'A_b.c/d'])('%s is accepted', (name) => {
    expect(branchNameProblem(name)).toBeUndefined()
  })

  const refused = [
    '',
    '-x',
    '../evil',
    'x..y',
    'a b',
    'a\tb',
    'a\nb',
    'a;rm',
    'a|b',
    'a&b',
    '$(id)',
    '`id`',
    'a>b',
    "a'b",
  ]
  const refusedByGit = [
    'a//b',
    '/a',
    'a/',
    '.a',
    'a/.b',
    'a.',
    'a.lock',
    'a/b.LOCK',
    'a~1',
    'a^',
    'a:b',
    'a@{1}',
    'a\\b',
    'ä',
    '0123456789abcdef0123456789ABCDEF01234567',
  ]
  test.each([...refused, ...refusedByGit, 'a'.repeat(201)])('%j is refused', (name) => {
    expect(branchNameProblem(name)).toBeDefined()
  })

  test.each([
    'main',
    'HEAD',
    'refs/heads/x',
    'conman/release/1',
    'temp/x',
    'ws',
    `ws/${owner.toHexString()}`,
    'ws/66f0a1b2c3d4e5f60718293b/app',
  ])('%s is not for a workspace', (name) => {
    expect(() => requireWorkspaceBranchName(name, 'main', owner)).toThrow('branch_name')
  })

  test('the default one is always acceptable', () => {
    const name = defaultBranchName(owner, 'My App_1')
    expect(name).toBe(`ws/${owner.toHexString()}/my-app-1`)
    expect(() => requireWorkspaceBranchName(name, 'main', owner)).not.toThrow()
  })
})
