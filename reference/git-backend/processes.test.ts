// The git backend's processes: git's are replaced when they die, and none outlives the server.

import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { status as Code } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { GitBackendClient } from './client.ts'
import { startGitBackend } from './server.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
const repository = { storage_name: 'default', relative_path: 'app.git' }
let storage: string

beforeAll(() => {
  storage = mkdtempSync(join(tmpdir(), 'git-backend-test-'))
})

afterAll(() => rm(storage, { recursive: true, force: true }))

const file = (path: string) => [{ path, content: path }]
const git = (...args: string[]) => execFileSync('git', ['--git-dir', join(storage, 'app.git'), ...args]).toString()

test('a killed git process is replaced, whichever it is', async () => {
  const backend = await startGitBackend({ storage, listen: '127.0.0.1:0', git: 'git', log: () => {} })
  const client = new GitBackendClient(backend.address)
  try {
    await client.unary('RepositoryService', 'CreateRepository', { repository })
    await client.commit(repository, 'main', file('first'))
    const opened = await backend.storage.open('app.git')
    let commits = 1
    for (const kind of ['read', 'write', 'references'] as const) {
      const pids = opened!.pids[kind]
      expect(pids.length).toBeGreaterThan(0)
      for (const pid of pids) process.kill(pid, 'SIGKILL')
      // The call that meets the dying process may fail, but it ends; the one after it works.
      const results = await Promise.allSettled([
        client.commit(repository, `branch-${kind}`, file('x'), { start_sha: git('rev-parse', 'main').trim() }),
      ])
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason.code).toBe(Code.UNAVAILABLE)
      }
      await client.commit(repository, 'main', file(`after-${kind}`))
      commits++
      expect(opened!.pids[kind].some((pid) => pids.includes(pid))).toBe(false)
    }
    expect(git('rev-list', '--count', 'main').trim()).toBe(String(commits))
    git('fsck', '--strict')
  } finally {
    client.close()
    await backend.close()
  }
})

test('what a killed server left behind does not stop the next one', async () => {
  const lock = join(storage, 'app.git/refs/heads/main.lock')
  closeSync(openSync(lock, 'w'))
  const longAgo = new Date(Date.now() - 3_600_000)
  utimesSync(lock, longAgo, longAgo)
  const backend = await startGitBackend({ storage, listen: '127.0.0.1:0', git: 'git', log: () => {} })
  const client = new GitBackendClient(backend.address)
  try {
    await client.commit(repository, 'main', file('after the lock'))
  } finally {
    client.close()
    await backend.close()
  }
  expect(existsSync(lock)).toBe(false)
  expect(readdirSync(join(storage, 'app.git')).filter((name) => name.startsWith('scratch-'))).toEqual([])
})

test('a killed git command is told as unavailable, and the next one works', async () => {
  const program = join(storage, 'git-that-dies')
  writeFileSync(program, '#!/bin/sh\n[ "$1" = merge-base ] && kill -9 $$\nexec git "$@"\n', { mode: 0o755 })
  const backend = await startGitBackend({ storage, listen: '127.0.0.1:0', git: program, log: () => {} })
  const client = new GitBackendClient(backend.address)
  try {
    const request = { repository, ancestor_id: 'main~1', child_id: 'main' }
    const call = () => client.unary('CommitService', 'CommitIsAncestor', request)
    await expect(call()).rejects.toMatchObject({ code: Code.UNAVAILABLE })
    writeFileSync(program, '#!/bin/sh\nexec git "$@"\n')
    expect(await call()).toEqual({ value: true })
  } finally {
    client.close()
    await backend.close()
    await rm(program)
  }
})

test('a killed server loses nothing that it has answered, and the next one goes on', async () => {
  const first = serve('--storage', storage, '--listen', '127.0.0.1:0')
  const client = new GitBackendClient(await listening(first))
  const answered = new Map<string, { tip: string; commits: number }>()
  const start = { start_branch_name: Buffer.from('main') }
  const writers = Array.from({ length: 12 }, async (_, index) => {
    const branch = `crash/${index}`
    let tip = await client.commit(repository, branch, file('0'), start)
    for (let commits = 1; ; commits++) {
      answered.set(branch, { tip, commits })
      tip = await client.commit(repository, branch, file(String(commits)), { expected_old_oid: tip })
    }
  })
  const results = Promise.allSettled(writers)
  // In the middle of things: every writer is at work, and none ever stops.
  const sum = () => [...answered.values()].reduce((commits, writer) => commits + writer.commits, 0)
  while (answered.size < writers.length || sum() < 200) await new Promise((resolve) => setTimeout(resolve, 10))
  first.kill('SIGKILL')
  await once(first, 'close')
  for (const result of await results) {
    expect(result).toMatchObject({ status: 'rejected', reason: { code: Code.UNAVAILABLE } })
  }
  client.close()

  const second = serve('--storage', storage, '--listen', '127.0.0.1:0')
  const again = new GitBackendClient(await listening(second))
  try {
    for (const [branch, { tip, commits }] of answered) {
      // At most the one commit that was on its way is there as well.
      const list = git('rev-list', '--first-parent', `main..${branch}`).trim().split('\n')
      expect(list).toContain(tip)
      expect([commits, commits + 1]).toContain(list.length)
      await again.commit(repository, branch, file('after'), { expected_old_oid: list[0]! })
    }
    git('fsck', '--strict', '--no-dangling')
  } finally {
    again.close()
    second.kill('SIGTERM')
    await once(second, 'close')
  }
})

test('SIGTERM ends the server with 0 and leaves no child behind', async () => {
  const server = serve('--storage', storage, '--listen', '127.0.0.1:0')
  const client = new GitBackendClient(await listening(server))
  await client.commit(repository, 'main', file('from the command'))
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(server.pid)])
    .toString()
    .trim()
    .split(/\s+/)
    .map(Number)
  expect(children.length).toBeGreaterThan(0)
  server.kill('SIGTERM')
  const [code] = await once(server, 'close')
  client.close()
  expect(code).toBe(0)
  for (const pid of children) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})

test('a server that cannot start says so in one line, and ends with 1', async () => {
  const backend = await startGitBackend({ storage, listen: '127.0.0.1:0', git: 'git', log: () => {} })
  try {
    for (const args of [
      ['--storage', storage, '--listen', backend.address],
      ['--storage', join(storage, 'none'), '--listen', '127.0.0.1:0'],
      ['--storage', storage, '--listen', '127.0.0.1:0', '--git', '/none/git'],
    ]) {
      const server = serve(...args)
      let stderr = ''
      server.stderr.on('data', (chunk) => (stderr += chunk))
      const [code] = await once(server, 'close')
      expect(code).toBe(1)
      expect(stderr).toMatch(/^git-backend: [^\n]+\n$/)
    }
  } finally {
    await backend.close()
  }
})

function serve(...args: string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [MAIN, 'serve', ...args])
}

function listening(server: ChildProcessWithoutNullStreams): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('close', (code) => reject(new Error(`the server ended with ${code}`)))
    createInterface(server.stdout).on('line', (line) => {
      const { message, addr } = JSON.parse(line) as { message: string; addr: string }
      if (message === 'git backend listening') resolve(addr)
    })
  })
}
