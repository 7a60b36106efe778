// A git backend with a storage of its own in a temporary directory, for tests; both are gone afterwards.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GitBackendClient } from './client.ts'
import type { RepositoryMessage } from './messages.ts'
import { type GitBackend, startGitBackend } from './server.ts'

export interface LoggedFailure {
  method: string
  code: string
  reason: string
}

export interface TemporaryBackend extends AsyncDisposable {
  /** Holds the storage; what is beside the storage in it must stay as it is. */
  root: string
  storage: string
  backend: GitBackend
  client: GitBackendClient
  /** What the server logged about calls that failed, oldest first. */
  failures: LoggedFailure[]
  /** A new repository without a commit. */
  createRepository(): Promise<RepositoryMessage>
}

export async function startTemporaryBackend(program = 'git', control?: string): Promise<TemporaryBackend> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'git-backend-test-')))
  const storage = join(root, 'storage')
  mkdirSync(storage)
  const failures: LoggedFailure[] = []
  const backend = await startGitBackend({
    storage,
    listen: '127.0.0.1:0',
    git: program,
    control,
    log: (_level, message, fields) => {
      if (message === 'call failed') failures.push(fields as unknown as LoggedFailure)
    },
  })
  const client = new GitBackendClient(backend.address)
  let repositories = 0
  return {
    root,
    storage,
    backend,
    client,
    failures,
    createRepository: async () => {
      const repository = { storage_name: 'default', relative_path: `apps/app-${++repositories}.git` }
      await client.unary('RepositoryService', 'CreateRepository', { repository })
      return repository
    },
    [Symbol.asyncDispose]: async () => {
      client.close()
      await backend.close()
      await rm(root, { recursive: true, force: true })
    },
  }
}

/** The git program on a repository, as an oracle: independent of the server and of whoever's configuration. */
export function gitOn(directory: string, args: readonly string[], input?: string | Buffer): string {
  return gitBytesOn(directory, args, input).toString()
}

export function gitBytesOn(directory: string, args: readonly string[], input?: string | Buffer): Buffer {
  return execFileSync('git', args, {
    cwd: directory,
    env: { ...ORACLE_ENVIRONMENT, PATH: process.env.PATH },
    stdio: ['pipe', 'pipe', 'pipe'],
    maxBuffer: 1024 * 1024 * 1024,
    ...(input === undefined ? {} : { input }),
  })
}

export const ORACLE_ENVIRONMENT = {
  LC_ALL: 'C',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Oracle',
  GIT_AUTHOR_EMAIL: 'oracle@example.com',
  GIT_COMMITTER_NAME: 'Oracle',
  GIT_COMMITTER_EMAIL: 'oracle@example.com',
}
