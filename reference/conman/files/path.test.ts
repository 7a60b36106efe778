import { describe, expect, test } from 'vitest'
import { normaliseFilePath, normalisePath, requireEditable } from './path.ts'

const BLOCKED = ['.git/**', '.gitignore', '.github/**']

describe('paths', () => {
  test.each([
    ['config/app.yaml', 'config/app.yaml'],
    ['  a ', 'a'],
    ['', ''],
    ['/', ''],
    ['weird name~(1).txt', 'weird name~(1).txt'],
    ['src/.gitignore', 'src/.gitignore'],
  ])('%j is taken as %j', (given, path) => {
    expect(normalisePath(given)).toBe(path)
  })

  const escapes = [
    '../../etc/passwd',
    '..%2F..%2Fetc%2Fpasswd',
    'config/../../../etc/shadow',
    '/etc/passwd',
    '..\\..\\x',
  ]
  test.each([...escapes, './x', 'a//b', 'a/', 'a/./b', 'a\0b', 'a\nb', 'C:\\x', 'é'.repeat(513)])(
    '%j is no path',
    (given) => {
      expect(() => normalisePath(given)).toThrow('path')
    },
  )

  test('the root is no file', () => {
    expect(() => normaliseFilePath(' / ')).toThrow('path must name a file')
  })

  test.each([
    '.git',
    '.git/config',
    '.GIT/config',
    '.git./config',
    'git~1/config',
    'sub/.git/hooks/pre-commit',
    '.gitignore',
  ])('%s is not to be edited', (path) => {
    expect(() => requireEditable(path, BLOCKED)).toThrow('forbidden')
  })

  test.each(['.github/workflows/ci.yml', '.GitHub/x'])('%s is blocked by a pattern', (path) => {
    expect(() => requireEditable(path, BLOCKED)).toThrow('forbidden')
    expect(() => requireEditable(path, [])).not.toThrow()
  })

  test.each(['.gitattributes', 'github/x', 'src/.gitignore', 'a.git/b'])('%s may be edited', (path) => {
    expect(() => requireEditable(path, BLOCKED)).not.toThrow()
  })
})
