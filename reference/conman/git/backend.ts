/**
 * The git backend, spoken to over the Gitaly protocol.
 *
 * Implementations differ; what is sent here is right on all of them (the rules GC1–GC10 of the contract, cited in these files).
 */
import { createHash } from 'node:crypto'
import { Client, credentials, Metadata, status } from '@grpc/grpc-js'
import type { GitConfig } from '../config.ts'
import type { User } from '../http/context.ts'
import type { Logger } from '../logging.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { type Caller, createCaller, GitError, type Message } from './call.ts'
import { createDiffs, type GitDiffs } from './diffs.ts'
import { isGitStatus } from './errors.ts'
import { createMerges, type GitMerges } from './merges.ts'
import { loadMethods } from './protocol.ts'
import { createReferences, type GitReferences } from './references.ts'
import { type Deadline, nonEmptyCommit, type Repository, type Rpc, wire, wireUser } from './wire.ts'

export interface GitObject {
  oid: string
  kind: 'file' | 'dir'
}

export interface TreeEntry extends GitObject {
  path: string
}

export interface FileCommit {
  branch: string
  action: 'create' | 'update' | 'delete'
  path: string
  content: Buffer
  message: string
  /** Where the branch must be; undefined makes the first commit of an empty repository. */
  expectedTip: string | undefined
}

export interface GitBackend extends GitReferences, GitMerges, GitDiffs {
  /** A light call that bypasses retries; answers how the backend showed that it is alive. */
  probe(limitMs: number): Promise<string>
  repositoryExists(repository: Repository, deadline: Deadline): Promise<boolean>
  createRepository(repository: Repository, defaultBranch: string, deadline: Deadline): Promise<void>
  /** What is at a path, without its content. */
  stat(repository: Repository, revision: string, path: string, deadline: Deadline): Promise<GitObject | undefined>
  read(
    repository: Repository,
    revision: string,
    path: string,
    deadline: Deadline,
  ): Promise<(GitObject & { content: Buffer }) | undefined>
  list(repository: Repository, revision: string, path: string, deadline: Deadline): Promise<TreeEntry[]>
  commitFile(repository: Repository, commit: FileCommit, user: User, deadline: Deadline): Promise<string>
  /** A commit that changes no file, on a branch that must be at `expectedTip`. */
  commitNothing(
    repository: Repository,
    commit: Pick<FileCommit, 'branch' | 'message' | 'expectedTip'>,
    user: User,
    deadline: Deadline,
  ): Promise<string>
  close(): void
}

/** GC4: gitaly-rs takes no message above 4 MiB. */
const CHUNK_BYTES = 1 << 20
const OBJECT_TREE = 3
const ENTRY_TREE = 1
const ACTIONS = { create: 0, update: 2, delete: 4 } as const

const CHANNEL_OPTIONS = {
  // The retries here are counted, timed and measured; the library's own would multiply them.
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  // Gitaly tolerates pings no closer than 10 s apart.
  'grpc.keepalive_time_ms': 15_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': 64 << 20,
  'grpc.max_send_message_length': -1,
}

/** The id that git gives a file's content: equal ids mean equal bytes. */
export function blobId(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}

export function createGitBackend(config: GitConfig, metrics: Metrics, logger: Logger): GitBackend {
  const client = new Client(config.address, credentials.createInsecure(), CHANNEL_OPTIONS)
  const caller: Caller = createCaller(client, metrics, logger)
  const methods = loadMethods()
  const timeout = config.timeoutMs
  // How the backend calls the root of a tree; undefined until it has listed one.
  let rootPath: string | undefined

  async function call(name: string, attemptMs: number, deadline: Deadline, ...messages: Message[]): Promise<Message[]> {
    const method = methods.get(name)
    if (method === undefined) throw new Error(`the protocol has no method ${name}`)
    return caller.call(method, messages, { attemptMs, untilMs: deadline.gitUntilMs })
  }
  const rpc: Rpc = { call, timeoutMs: timeout }
  const references = createReferences(rpc)

  async function getBlobs(repository: Repository, revision: string, path: string, limit: number, deadline: Deadline) {
    const request = {
      repository: wire(repository),
      revision_paths: [{ revision, path: Buffer.from(path) }],
      limit,
    }
    try {
      return await call('GetBlobs', timeout.default, deadline, request)
    } catch (error) {
      // GC3: three ways to say that nothing is there.
      const missing =
        isGitStatus(error, status.NOT_FOUND) ||
        (isGitStatus(error, status.INTERNAL) && error.message.includes('Needed a single revision'))
      if (missing) return []
      throw error
    }
  }

  async function treeEntries(repository: Repository, revision: string, path: string, deadline: Deadline) {
    return call('GetTreeEntries', timeout.default, deadline, {
      repository: wire(repository),
      revision: Buffer.from(revision),
      path: Buffer.from(path),
      recursive: false,
    })
  }

  const probes = ['/grpc.health.v1.Health/Check', '/gitaly.ServerService/ServerInfo']

  async function commitActions(
    repository: Repository,
    commit: Pick<FileCommit, 'branch' | 'message' | 'expectedTip'>,
    user: User,
    deadline: Deadline,
    actions: Message[],
  ): Promise<string> {
    const name = Buffer.from(user.email)
    const header = {
      repository: wire(repository),
      user: wireUser(user),
      branch_name: Buffer.from(commit.branch),
      commit_message: Buffer.from(commit.message),
      commit_author_name: name,
      commit_author_email: name,
      // GC4: without a start branch, and bound to the commit that this edit was made on.
      ...(commit.expectedTip === undefined ? {} : { expected_old_oid: commit.expectedTip }),
    }
    const [reply] = await call('UserCommitFiles', timeout.commit, deadline, { header }, ...actions)
    const refusal = String(reply?.index_error ?? '') || String(reply?.pre_receive_error ?? '')
    if (refusal !== '') {
      throw new GitError('UserCommitFiles', status.FAILED_PRECONDITION, refusal, new Metadata())
    }
    return nonEmptyCommit('UserCommitFiles', (reply?.branch_update as Message | null)?.commit_id)
  }

  return {
    ...references,
    ...createMerges(rpc, references),
    ...createDiffs(rpc),

    async probe(limitMs) {
      // GitLab's Gitaly serves the health service, gitaly-rs only ServerInfo; whichever answered is asked from then on.
      while (probes.length > 0) {
        const path = probes[0] ?? ''
        try {
          const reply = await probeOnce(client, path, limitMs)
          // HealthCheckResponse: field 1 is the status, 1 is SERVING.
          const serving = !path.includes('Health') || (reply[0] === 0x08 && reply[1] === 1)
          if (!serving) throw new Error('the git backend says that it is not serving')
          return `answered ${path.slice(path.lastIndexOf('.') + 1)}`
        } catch (error) {
          if ((error as { code?: number }).code !== status.UNIMPLEMENTED) throw error
          probes.shift()
        }
      }
      await new Promise<void>((resolve, reject) => {
        client.waitForReady(Date.now() + limitMs, (error) => (error ? reject(error) : resolve()))
      })
      return 'channel connected'
    },

    async repositoryExists(repository, deadline) {
      const request = { repository: wire(repository) }
      const [reply] = await call('RepositoryExists', timeout.repository, deadline, request)
      return reply?.exists === true
    },

    async createRepository(repository, defaultBranch, deadline) {
      const { storage_name, relative_path } = wire(repository)
      const request = {
        repository: { storage_name, relative_path },
        default_branch: Buffer.from(defaultBranch),
      }
      try {
        await call('CreateRepository', timeout.repository, deadline, request)
      } catch (error) {
        // An earlier attempt, or somebody else, was first: what was wanted is there.
        if (!isGitStatus(error, status.ALREADY_EXISTS)) throw error
      }
    },

    async stat(repository, revision, path, deadline) {
      const replies = await getBlobs(repository, revision, path, 0, deadline)
      return objectOf(replies)
    },

    async read(repository, revision, path, deadline) {
      const replies = await getBlobs(repository, revision, path, -1, deadline)
      const found = objectOf(replies)
      return found && { ...found, content: Buffer.concat(replies.map(({ data }) => data as Buffer)) }
    },

    async list(repository, revision, path, deadline) {
      let asked = path === '' ? (rootPath ?? '') : path
      let replies: Message[]
      try {
        replies = await treeEntries(repository, revision, asked, deadline)
      } catch (error) {
        // GC2: the root is "" to most and "." to GitLab's Gitaly.
        const unknownRoot = path === '' && rootPath === undefined && isGitStatus(error, status.INVALID_ARGUMENT)
        if (!unknownRoot) throw error
        asked = '.'
        replies = await treeEntries(repository, revision, asked, deadline)
      }
      if (path === '') rootPath = asked
      return replies
        .flatMap(({ entries }) => entries as Message[])
        .map((entry) => ({
          path: String(entry.path),
          oid: String(entry.oid),
          kind: entry.type === ENTRY_TREE ? 'dir' : 'file',
        }))
    },

    commitFile(repository, commit, user, deadline) {
      const action = { action: ACTIONS[commit.action], file_path: Buffer.from(commit.path) }
      const messages = [{ action: { header: action } }, ...contentMessages(commit)]
      return commitActions(repository, commit, user, deadline, messages)
    },

    commitNothing: (repository, commit, user, deadline) => commitActions(repository, commit, user, deadline, []),

    close: () => client.close(),
  }
}

function probeOnce(client: Client, path: string, limitMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const bytes = (value: Buffer) => value
    const deadline = Date.now() + limitMs
    client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), new Metadata(), { deadline }, (error, reply) => {
      if (error) reject(error)
      else resolve(reply ?? Buffer.alloc(0))
    })
  })
}

function objectOf(replies: Message[]): GitObject | undefined {
  const described = replies.find(({ oid }) => typeof oid === 'string' && oid !== '')
  if (described === undefined) return undefined
  return { oid: String(described.oid), kind: described.type === OBJECT_TREE ? 'dir' : 'file' }
}

/** A create or update always carries content, also when it is empty; the receiver joins the chunks. */
function contentMessages({ action, content }: FileCommit): Message[] {
  if (action === 'delete') return []
  const chunks: Message[] = [{ action: { content: content.subarray(0, CHUNK_BYTES) } }]
  for (let start = CHUNK_BYTES; start < content.length; start += CHUNK_BYTES) {
    chunks.push({ action: { content: content.subarray(start, start + CHUNK_BYTES) } })
  }
  return chunks
}
