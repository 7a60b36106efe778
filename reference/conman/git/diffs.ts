/** What differs between two commits. */
import type { Message } from './call.ts'
import { type Deadline, type Repository, type Rpc, wire } from './wire.ts'

export interface FileStats {
  path: string
  old_path: string | null
  additions: number
  deletions: number
}

export interface GitDiffs {
  diffStats(repository: Repository, left: string, right: string, deadline: Deadline): Promise<FileStats[]>
  /** A unified diff. */
  rawDiff(repository: Repository, left: string, right: string, deadline: Deadline): Promise<string>
}

export function createDiffs({ call, timeoutMs }: Rpc): GitDiffs {
  const request = (repository: Repository, left_commit_id: string, right_commit_id: string) => ({
    repository: wire(repository),
    left_commit_id,
    right_commit_id,
  })
  return {
    async diffStats(repository, left, right, deadline) {
      const replies = await call('DiffStats', timeoutMs.diff, deadline, request(repository, left, right))
      return replies
        .flatMap(({ stats }) => stats as Message[])
        .map(({ path, old_path, additions, deletions }) => ({
          path: String(path),
          old_path: String(old_path ?? '') || null,
          additions: Number(additions),
          deletions: Number(deletions),
        }))
    },

    async rawDiff(repository, left, right, deadline) {
      const replies = await call('RawDiff', timeoutMs.diff, deadline, request(repository, left, right))
      return Buffer.concat(replies.map(({ data }) => data as Buffer)).toString()
    },
  }
}
