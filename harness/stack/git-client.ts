// The harness's own way to the git backend: makes a repository and its first commit over the backend's RPCs, past Toxiproxy.

import { fileURLToPath } from 'node:url'
import { type Client, credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js'
import { load } from '@grpc/proto-loader'
import { HarnessError } from '../errors.ts'

const PROTO_FOLDER = fileURLToPath(new URL('../../reference/proto/', import.meta.url))

/** The one storage that a Gitaly client of Conman names. */
const STORAGE_NAME = 'default'
export const MAIN_BRANCH = 'main'

/** A commit of some hundred files on a busy machine; a call that takes longer hangs. */
const CALL_WITHIN_MS = 30_000

const AUTHOR = {
  gl_id: 'user-1',
  name: Buffer.from('Readiness Harness'),
  email: Buffer.from('harness@readiness.test'),
  gl_username: 'readiness',
  timezone: 'UTC',
}

export interface FirstCommit {
  relativePath: string
  branch: string
  commitId: string
}

type Callback = (error: ServiceError | null, response: Record<string, unknown>) => void
type Services = Record<
  string,
  new (
    address: string,
    how: ReturnType<typeof credentials.createInsecure>,
  ) => Client & Record<string, unknown>
>

export class GitClient implements Disposable {
  readonly #address: string
  #clients = new Map<string, Client>()
  #services: Promise<Services> | undefined

  /** `host:port` */
  constructor(address: string) {
    this.#address = address
  }

  async #client(service: string): Promise<Client & Record<string, unknown>> {
    this.#services ??= load('gitaly.proto', {
      includeDirs: [PROTO_FOLDER],
      keepCase: true,
      longs: Number,
      enums: String,
    }).then((definition) => loadPackageDefinition(definition).gitaly as unknown as Services)
    const Service = (await this.#services)[service]
    if (Service === undefined)
      throw new HarnessError(`reference/proto/gitaly.proto has no ${service}`, 'restore the file')
    const client = (this.#clients.get(service) ??
      new Service(this.#address, credentials.createInsecure())) as InstanceType<typeof Service>
    this.#clients.set(service, client)
    return client
  }

  /** `files` by path, e.g. `{'app/config.yaml': 'a: 1\n'}`; they become the first commit on `main`. */
  async createRepository(
    relativePath: string,
    files: Readonly<Record<string, string | Uint8Array>>,
  ): Promise<FirstCommit> {
    const repository = { storage_name: STORAGE_NAME, relative_path: relativePath, gl_repository: relativePath }
    const repositories = await this.#client('RepositoryService')
    await this.#answer(`CreateRepository ${relativePath}`, (callback) =>
      (repositories.CreateRepository as UnaryCall).call(
        repositories,
        { repository, default_branch: Buffer.from(MAIN_BRANCH) },
        { deadline: Date.now() + CALL_WITHIN_MS },
        callback,
      ),
    )
    const operations = await this.#client('OperationService')
    const response = await this.#answer(`UserCommitFiles ${relativePath}`, (callback) => {
      const stream = (operations.UserCommitFiles as StreamingCall).call(
        operations,
        { deadline: Date.now() + CALL_WITHIN_MS },
        callback,
      )
      stream.write({
        header: {
          repository,
          user: AUTHOR,
          branch_name: Buffer.from(MAIN_BRANCH),
          commit_message: Buffer.from('Initial configuration'),
          commit_author_name: AUTHOR.name,
          commit_author_email: AUTHOR.email,
        },
      })
      for (const [path, content] of Object.entries(files)) {
        stream.write({ action: { header: { action: 'CREATE', file_path: Buffer.from(path) } } })
        stream.write({ action: { content: Buffer.from(content) } })
      }
      stream.end()
    })
    const commitId = (response.branch_update as { commit_id?: string } | null)?.commit_id ?? ''
    if (commitId === '') {
      throw new HarnessError(
        `the git backend made no first commit in ${relativePath}: ${response.index_error || response.pre_receive_error || 'no reason given'}`,
        "see the git backend's log",
      )
    }
    return { relativePath, branch: MAIN_BRANCH, commitId }
  }

  async #answer(what: string, call: (callback: Callback) => void): Promise<Record<string, unknown>> {
    return await new Promise((resolve, reject) => {
      call((error, response) => {
        if (error === null) resolve(response)
        else reject(new HarnessError(`${what}: ${error.message}`, "see the git backend's log", { cause: error }))
      })
    })
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client.close()
    this.#clients.clear()
  }
}

type UnaryCall = (request: unknown, options: { deadline: number }, callback: Callback) => void
type StreamingCall = (
  options: { deadline: number },
  callback: Callback,
) => { write(message: unknown): void; end(): void }
