// Git as a witness, in a real repository: tags of both kinds, and a branch along its first parents.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { GitRepository } from './git.ts'
import { resolveTool } from './toolchain/resolve.ts'

let storage: string
let repository: GitRepository
let git: (...args: string[]) => string

beforeAll(async () => {
  storage = mkdtempSync(join(tmpdir(), 'git-witness-'))
  const { path } = await resolveTool('git', { install: false })
  const person = ['-c', 'user.name=Readiness', '-c', 'user.email=readiness@example.com']
  git = (...args) => execFileSync(path, ['-C', join(storage, 'one'), ...person, ...args], { encoding: 'utf8' }).trim()
  execFileSync(path, ['init', '--quiet', '--initial-branch=main', join(storage, 'one')])
  repository = new GitRepository(path, storage, 'one/.git')
})
afterAll(() => rmSync(storage, { recursive: true, force: true }))

test('tags name commits, and a line of first parents leaves out what was merged', async () => {
  const commit = (message: string) => {
    git('commit', '--quiet', '--allow-empty', '--message', message)
    return git('rev-parse', 'HEAD')
  }
  expect(await repository.tags()).toEqual(new Map())
  const base = commit('base')
  git('checkout', '--quiet', '-b', 'side')
  commit('beside')
  git('checkout', '--quiet', 'main')
  const second = commit('second')
  git('merge', '--quiet', '--no-ff', '--message', 'merged', 'side')
  const merged = git('rev-parse', 'HEAD')
  git('tag', 'r1/light', second)
  git('tag', '--annotate', '--message', 'Release', 'r2', merged)

  expect(await repository.tags()).toEqual(
    new Map([
      ['r1/light', second],
      ['r2', merged],
    ]),
  )
  expect(await repository.firstParentLine(base, 'refs/heads/main', 10)).toEqual([second, merged])
  expect(await repository.firstParentLine(base, 'refs/heads/main', 1)).toEqual([merged])
  expect(await repository.firstParentLine(merged, 'refs/heads/main', 10)).toEqual([])
})
