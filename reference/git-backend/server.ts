// Puts the git backend together: storage, services and the gRPC server in front of them.

import { stat } from 'node:fs/promises'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { CallControl, serveControl } from './control.ts'
import { Git } from './git/program.ts'
import { Storage } from './git/storage.ts'
import { implementation, type Methods } from './handler.ts'
import type { Log } from './log.ts'
import { servedService } from './protocol.ts'
import { blobService } from './services/blob.ts'
import { commitService } from './services/commit.ts'
import { diffService } from './services/diff.ts'
import { operationService } from './services/operation.ts'
import { refService } from './services/ref.ts'
import { repositoryService } from './services/repository.ts'
import { healthService, serverService } from './services/server.ts'

export interface GitBackendOptions {
  /** The directory of the storage `default`. */
  storage: string
  /** `host:port`; port 0 takes a free one. */
  listen: string
  /** The git program. */
  git: string
  /** Where the back door for tests listens (`host:port`); without it there is none. */
  control?: string | undefined
  log: Log
}

export interface GitBackend {
  /** `host:port` as bound. */
  address: string
  /** Of the back door, where there is one. */
  controlAddress: string | undefined
  storage: Storage
  /** Lets calls in progress finish, then ends every git process. */
  close(): Promise<void>
}

/** What is wrong with how the backend was started. */
export class StartError extends Error {}

/** A file of 12 MiB in one message must pass, and Conman's own limit is 10 MiB; the rest is room for its framing. */
const RECEIVE_BYTES_MAX = 20 * 1024 * 1024

/** A connection's window: the default of 64 KiB makes a large file wait for its receiver a hundred times. */
const FLOW_CONTROL_BYTES = 4 * 1024 * 1024

/** Calls that are still running this long after the signal are cut off. */
const SHUTDOWN_MS = 10_000

/** merge-tree --write-tree and cat-file -z came with 2.38. */
const GIT_VERSION_MIN = [2, 38] as const

export async function startGitBackend({
  storage: directory,
  listen,
  git: program,
  control: controlAt,
  log,
}: GitBackendOptions): Promise<GitBackend> {
  await checkStorage(directory)
  const git = new Git(program)
  const gitVersion = await checkGit(git, directory)
  const storage = new Storage(directory, git)

  const services: Record<string, Methods> = {
    'gitaly.RepositoryService': repositoryService(storage),
    'gitaly.RefService': refService(storage),
    'gitaly.CommitService': commitService(storage),
    'gitaly.BlobService': blobService(storage),
    'gitaly.DiffService': diffService(storage),
    'gitaly.OperationService': operationService(storage),
    'gitaly.ServerService': serverService(storage, gitVersion),
  }
  services['grpc.health.v1.Health'] = healthService(Object.keys(services))

  const control = controlAt === undefined ? undefined : new CallControl()
  const server = new Server({
    'grpc.max_receive_message_length': RECEIVE_BYTES_MAX,
    'grpc.max_send_message_length': -1,
    'grpc-node.flow_control_window': FLOW_CONTROL_BYTES,
  })
  for (const [name, methods] of Object.entries(services)) {
    const definition = servedService(name)
    server.addService(definition, implementation(definition, methods, log, control))
  }
  const port = await bind(server, listen).catch(async (error: unknown) => {
    await git.close()
    throw error
  })
  const door = control && controlAt !== undefined ? await serveControl(controlAt, control) : undefined
  return {
    controlAddress: door?.address,
    address: `${listen.slice(0, listen.lastIndexOf(':'))}:${port}`,
    storage,
    close: async () => {
      await door?.close()
      await shutDown(server)
      await storage.close()
      await git.close()
    },
  }
}

async function checkStorage(directory: string): Promise<void> {
  const stats = await stat(directory).catch(() => undefined)
  if (!stats?.isDirectory()) throw new StartError(`the storage ${directory} is not a directory`)
}

async function checkGit(git: Git, directory: string): Promise<string> {
  const output = await git.run(directory, ['--version']).catch((error: unknown) => {
    throw new StartError(`${git.program} cannot be run: ${error instanceof Error ? error.message : error}`)
  })
  const version = /\d+\.\d+(\.\d+)*/.exec(output.stdout.toString())?.[0] ?? ''
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [majorMin, minorMin] = GIT_VERSION_MIN
  if (major < majorMin || (major === majorMin && minor < minorMin)) {
    throw new StartError(`${git.program} is git ${version}; ${GIT_VERSION_MIN.join('.')} or later is needed`)
  }
  return version
}

function bind(server: Server, listen: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, ServerCredentials.createInsecure(), (error, port) => {
      if (!error) return resolve(port)
      const reason = error.message.includes('EADDRINUSE') ? 'the port is taken' : error.message
      reject(new StartError(`cannot listen on ${listen}: ${reason}`))
    })
  })
}

function shutDown(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), SHUTDOWN_MS)
    server.tryShutdown(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
