/** Branches, tags and other references: found, made, and moved from one known commit to another. */
import { status } from '@grpc/grpc-js'
import type { User } from '../http/context.ts'
import { isGitStatus } from './errors.ts'
import { type Deadline, nonEmptyCommit, type Repository, type Rpc, tipOf, wire, wireUser, ZERO_OID } from './wire.ts'

export interface GitReferences {
  /** The commit at a branch, or undefined when there is no such branch. */
  branchTip(repository: Repository, branch: string, deadline: Deadline): Promise<string | undefined>
  hasBranches(repository: Repository, deadline: Deadline): Promise<boolean>
  createBranch(repository: Repository, branch: string, from: string, user: User, deadline: Deadline): Promise<string>
  /** The commit that a revision names, or undefined. */
  resolve(repository: Repository, revision: string, deadline: Deadline): Promise<string | undefined>
  isAncestor(repository: Repository, ancestor: string, descendant: string, deadline: Deadline): Promise<boolean>
  /**
   * Compare and swap: moves a reference (its full name) from one commit to another, or makes it where `from` is undefined.
   * False when it is elsewhere; true also when it has been moved there already, by an attempt whose answer was lost.
   */
  moveReference(
    repository: Repository,
    reference: string,
    move: { from: string | undefined; to: string },
    deadline: Deadline,
  ): Promise<boolean>
  /** Points a reference to a commit, wherever it was. */
  forceReference(repository: Repository, reference: string, to: string, deadline: Deadline): Promise<void>
  /** What is not there is deleted already. */
  deleteReference(repository: Repository, reference: string, deadline: Deadline): Promise<void>
  /** The commit that a tag names, whether it is annotated or not. */
  tagTarget(repository: Repository, tag: string, deadline: Deadline): Promise<string | undefined>
  /** Makes a lightweight tag; false when there is one of the name on another commit. */
  createTag(repository: Repository, tag: string, target: string, user: User, deadline: Deadline): Promise<boolean>
}

export function createReferences({ call, timeoutMs }: Rpc): GitReferences {
  async function update(
    repository: Repository,
    reference: string,
    oids: { old: string; new: string },
    deadline: Deadline,
  ): Promise<void> {
    // Object ids are hexadecimal text in fields of bytes.
    const change = {
      reference: Buffer.from(reference),
      old_object_id: Buffer.from(oids.old),
      new_object_id: Buffer.from(oids.new),
    }
    await call('UpdateReferences', timeoutMs.default, deadline, { repository: wire(repository), updates: [change] })
  }

  return {
    async branchTip(repository, branch, deadline) {
      const request = { repository: wire(repository), name: Buffer.from(branch) }
      try {
        const [reply] = await call('FindBranch', timeoutMs.default, deadline, request)
        return tipOf(reply?.branch, branch)
      } catch (error) {
        if (isGitStatus(error, status.NOT_FOUND)) return undefined
        throw error
      }
    },

    async hasBranches(repository, deadline) {
      const replies = await call('FindLocalBranches', timeoutMs.default, deadline, { repository: wire(repository) })
      return replies.some(({ local_branches }) => Array.isArray(local_branches) && local_branches.length > 0)
    },

    async createBranch(repository, branch, from, user, deadline) {
      const request = {
        repository: wire(repository),
        branch_name: Buffer.from(branch),
        user: wireUser(user),
        start_point: Buffer.from(from),
      }
      const [reply] = await call('UserCreateBranch', timeoutMs.default, deadline, request)
      const tip = tipOf(reply?.branch, branch) ?? (await this.branchTip(repository, branch, deadline))
      return nonEmptyCommit('UserCreateBranch', tip)
    },

    async resolve(repository, revision, deadline) {
      const request = { repository: wire(repository), revision: Buffer.from(revision) }
      try {
        const [reply] = await call('FindCommit', timeoutMs.default, deadline, request)
        return (reply?.commit as { id?: string } | null)?.id || undefined
      } catch (error) {
        if (isGitStatus(error, status.NOT_FOUND)) return undefined
        throw error
      }
    },

    async isAncestor(repository, ancestor, descendant, deadline) {
      const request = { repository: wire(repository), ancestor_id: ancestor, child_id: descendant }
      const [reply] = await call('CommitIsAncestor', timeoutMs.default, deadline, request)
      return reply?.value === true
    },

    async moveReference(repository, reference, { from, to }, deadline) {
      try {
        await update(repository, reference, { old: from ?? ZERO_OID, new: to }, deadline)
        return true
      } catch (error) {
        // Backends say in three ways that a reference is not where it was thought to be; where it is tells what happened.
        if (!isGitStatus(error, status.ABORTED, status.FAILED_PRECONDITION, status.INTERNAL)) throw error
        const now = await this.resolve(repository, reference, deadline)
        if (now === to) return true
        if (now === from) throw error
        return false
      }
    },

    async forceReference(repository, reference, to, deadline) {
      // gitaly-rs takes an empty old id for 'must not exist', so the present one is named.
      for (;;) {
        const from = await this.resolve(repository, reference, deadline)
        if (from === to || (await this.moveReference(repository, reference, { from, to }, deadline))) return
      }
    },

    async deleteReference(repository, reference, deadline) {
      const now = await this.resolve(repository, reference, deadline)
      if (now === undefined) return
      try {
        await update(repository, reference, { old: now, new: ZERO_OID }, deadline)
      } catch (error) {
        if ((await this.resolve(repository, reference, deadline)) !== undefined) throw error
      }
    },

    async tagTarget(repository, tag, deadline) {
      const request = { repository: wire(repository), tag_name: Buffer.from(tag) }
      try {
        const [reply] = await call('FindTag', timeoutMs.default, deadline, request)
        return tipOf(reply?.tag, tag)
      } catch (error) {
        if (isGitStatus(error, status.NOT_FOUND)) return undefined
        throw error
      }
    },

    async createTag(repository, tag, target, user, deadline) {
      const request = {
        repository: wire(repository),
        tag_name: Buffer.from(tag),
        user: wireUser(user),
        target_revision: Buffer.from(target),
        message: Buffer.alloc(0),
      }
      try {
        await call('UserCreateTag', timeoutMs.default, deadline, request)
        return true
      } catch (error) {
        if (!isGitStatus(error, status.ALREADY_EXISTS, status.FAILED_PRECONDITION)) throw error
        const present = await this.tagTarget(repository, tag, deadline)
        if (present === undefined) throw error
        return present === target
      }
    },
  }
}
