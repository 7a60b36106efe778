/** How Conman's things are said in the protocol, and how answers are read that differ between backends. */
import { Metadata, status } from '@grpc/grpc-js'
import type { ObjectId } from 'mongodb'
import type { GitConfig } from '../config.ts'
import type { User } from '../http/context.ts'
import { GitError, type Message } from './call.ts'

export interface Repository {
  appId: ObjectId
  path: string
}

/** Until when a request may use the backend, on the clock of `performance.now()`. */
export interface Deadline {
  gitUntilMs: number
}

/** Calls a method by its name; the answer is the list of its reply messages. */
export interface Rpc {
  call(name: string, attemptMs: number, deadline: Deadline, ...messages: Message[]): Promise<Message[]>
  timeoutMs: GitConfig['timeoutMs']
}

export const ZERO_OID = '0'.repeat(40)

export function branchRef(branch: string): string {
  return `refs/heads/${branch}`
}

export function wire(repository: Repository) {
  return {
    storage_name: 'default',
    relative_path: repository.path,
    gl_repository: `project-${repository.appId.toHexString()}`,
  }
}

export function wireUser(user: User): Message {
  const email = Buffer.from(user.email)
  return { gl_id: `user-${user.id.toHexString()}`, name: email, email, gl_username: user.email, timezone: 'UTC' }
}

/** GC1: names may come back in full, and may be those of another branch that begins alike. */
export function tipOf(branch: unknown, wanted: string): string | undefined {
  const { name, target_commit } = (branch ?? {}) as { name?: Buffer; target_commit?: { id?: string } | null }
  const found = String(name ?? '').replace(/^refs\/(heads|tags)\//, '')
  return found === wanted ? target_commit?.id || undefined : undefined
}

/** GC8: an empty id in a success is an error, never a value to store. */
export function nonEmptyCommit(method: string, commit: unknown): string {
  if (typeof commit === 'string' && commit !== '') return commit
  throw new GitError(method, status.INTERNAL, 'the reply names no commit', new Metadata())
}
