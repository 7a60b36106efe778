// How much the git backend takes: commits a second, small updates in a nested path on many branches of one repository; then
// files, trees and diffs a second of a large one.
// Usage: node reference/git-backend/bench.ts [branches] [seconds] [storage directory]

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { GitBackendClient } from './client.ts'
import { importLargeRepository } from './large-repository.ts'

const [branches = 50, seconds = 10] = process.argv.slice(2, 4).map(Number)
/** Callers at a time for each kind of reading, and how long each kind is measured. */
const READERS = 20
const READING_S = Math.min(seconds, 3)

const storage = await mkdtemp(join(process.argv[4] ?? tmpdir(), 'git-backend-bench-'))
const server = spawn(process.execPath, [
  fileURLToPath(new URL('main.ts', import.meta.url)),
  ...['serve', '--storage', storage, '--listen', '127.0.0.1:0'],
])
try {
  const address = await listening(server)
  await measureCommits(address)
  await measureReading(address)
} finally {
  server.kill('SIGTERM')
  await once(server, 'close')
  await rm(storage, { recursive: true, force: true })
}

async function measureReading(address: string): Promise<void> {
  const client = new GitBackendClient(address)
  const repository = { storage_name: 'default', relative_path: 'large.git' }
  await client.unary('RepositoryService', 'CreateRepository', { repository })
  const { files, directories } = importLargeRepository(join(storage, 'large.git'))
  process.stdout.write(`${files.size} files in ${directories} directories, ${READERS} readers at a time:\n`)
  const paths = [...files.keys()]
  const revision = Buffer.from('main')
  const sides = { repository, left_commit_id: 'main', right_commit_id: 'wide' }
  const tree = (fields: object) => client.list('CommitService', 'GetTreeEntries', { repository, revision, ...fields })
  const kinds: [string, (count: number) => Promise<unknown>][] = [
    [
      'files',
      (count) => {
        const path = Buffer.from(paths[(count * 7919) % paths.length]!)
        const revision_paths = [{ revision: 'main', path }]
        return client.list('BlobService', 'GetBlobs', { repository, revision_paths, limit: -1 })
      },
    ],
    ['root listings', () => tree({})],
    ['listings of a directory', (count) => tree({ path: Buffer.from(`area-${String(count % 24).padStart(2, '0')}`) })],
    ['recursive trees', () => tree({ recursive: true })],
    ['DiffStats of 1,500 files', () => client.list('DiffService', 'DiffStats', sides)],
    ['RawDiffs of 1,500 files', () => client.list('DiffService', 'RawDiff', sides)],
  ]
  for (const [what, read] of kinds) {
    const durations_ms: number[] = []
    const startedAt_ms = performance.now()
    const endsAt_ms = startedAt_ms + READING_S * 1000
    let count = 0
    await Promise.all(
      Array.from({ length: READERS }, async () => {
        while (performance.now() < endsAt_ms) {
          const sentAt_ms = performance.now()
          await read(count++)
          durations_ms.push(performance.now() - sentAt_ms)
        }
      }),
    )
    report(what, durations_ms, startedAt_ms)
  }
  client.close()
}

function report(what: string, durations_ms: number[], startedAt_ms: number): void {
  const elapsed_s = (performance.now() - startedAt_ms) / 1000
  durations_ms.sort((a, b) => a - b)
  const percentile = (share: number) => durations_ms[Math.ceil(durations_ms.length * share) - 1]?.toFixed(1)
  process.stdout.write(
    `${durations_ms.length} ${what} in ${elapsed_s.toFixed(1)} s: ${(durations_ms.length / elapsed_s).toFixed(0)} a second, ` +
      `p50 ${percentile(0.5)} ms, p99 ${percentile(0.99)} ms\n`,
  )
}

async function measureCommits(address: string): Promise<void> {
  const client = new GitBackendClient(address)
  const repository = { storage_name: 'default', relative_path: 'bench.git' }
  await client.unary('RepositoryService', 'CreateRepository', { repository })
  const path = (index: number) => `config/services/file-${index}.yaml`
  await client.commit(
    repository,
    'main',
    Array.from({ length: 100 }, (_, index) => ({ path: path(index), content: `value: ${index}\n` })),
  )
  const tips = new Map<string, string>()
  for (let index = 0; index < branches; index++) {
    const branch = `ws/user-${index}/bench`
    tips.set(branch, await client.commit(repository, branch, [], { start_branch_name: Buffer.from('main') }))
  }

  const durations_ms: number[] = []
  const startedAt_ms = performance.now()
  const endsAt_ms = startedAt_ms + seconds * 1000
  await Promise.all(
    [...tips].map(async ([branch, start], index) => {
      let tip = start
      while (performance.now() < endsAt_ms) {
        const sentAt_ms = performance.now()
        const content = `value: ${branch} ${sentAt_ms}\n`
        tip = await client.commit(repository, branch, [{ action: 2, path: path(index % 100), content }], {
          expected_old_oid: tip,
        })
        durations_ms.push(performance.now() - sentAt_ms)
      }
    }),
  )
  report(`commits on ${branches} branches`, durations_ms, startedAt_ms)
  client.close()
}

function listening(child: ChildProcessWithoutNullStreams): Promise<string> {
  child.stderr.pipe(process.stderr)
  return new Promise((resolve, reject) => {
    child.once('close', () => reject(new Error('the git backend ended before it listened')))
    createInterface(child.stdout).on('line', (line) => {
      const { message, addr } = JSON.parse(line) as { message: string; addr: string }
      if (message === 'git backend listening') resolve(addr)
    })
  })
}
