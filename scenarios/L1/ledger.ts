// The ledger of acknowledged edits against what is really there: pure. Lost, altered, doubled, invented.

import type { EditEvidence } from './evidence.ts'

type Edit = EditEvidence['edits'][number]

/** What is wrong with one edit, in words. */
export interface Loss {
  key: string
  what: string
}

export interface Reconciliation {
  /** Files whose state was compared. */
  files: number
  /** Acknowledged, and no trace of it: the path is missing or holds something older. */
  lost: Loss[]
  /** The path holds bytes that no edit ever sent there. */
  altered: string[]
  /** Could not be read back, so nothing is known: `<user>/<path>: HTTP 500`. */
  unread: string[]
}

/**
 * Compares the bytes found at each path with what the edits of that path allow. One path is written by one user, one
 * edit after the other; so the content must be that of the last acknowledged edit, or of an unacknowledged one that
 * ended after it began (its fate is unknown).
 */
export function reconcileFiles(
  edits: readonly Edit[],
  found: readonly { user: number; path: string; status?: number; sha256: string | null }[],
): Reconciliation {
  const result: Reconciliation = { files: 0, lost: [], altered: [], unread: [] }
  const byPath = new Map<string, Edit[]>()
  for (const edit of edits) {
    const name = `${edit.user}:${edit.path}`
    byPath.set(name, [...(byPath.get(name) ?? []), edit])
  }
  const byName = new Map(found.map((file) => [`${file.user}:${file.path}`, file]))
  for (const [name, attempts] of byPath) {
    const acknowledged = attempts.filter((edit) => edit.commit !== null)
    const last = acknowledged.at(-1)
    if (!last) continue
    result.files += 1
    const file = byName.get(name)
    const shown = `${last.path} of user ${last.user} (edit ${last.key})`
    if (!file) {
      result.unread.push(`${shown}: it was not read back`)
      continue
    }
    if (file.status !== undefined && file.status !== 200 && file.status !== 404) {
      result.unread.push(`${shown}: HTTP ${file.status}`)
      continue
    }
    if (file.sha256 === null) {
      result.lost.push({ key: last.key, what: `${shown}: the file is not there` })
      continue
    }
    if (couldBeLast(attempts, file.sha256)) continue
    const older = attempts.find((edit) => edit.sha256 === file.sha256)
    if (older) result.lost.push({ key: last.key, what: `${shown}: the file still holds edit ${older.key}` })
    else result.altered.push(`${shown}: its bytes were sent by no edit`)
  }
  return result
}

/**
 * An edit may be the last one when no other edit that was acknowledged began after it had ended. An attempt without an
 * answer never ended, as far as anybody can tell.
 */
function couldBeLast(attempts: readonly Edit[], sha256: string): boolean {
  return attempts.some((candidate) => {
    if (candidate.sha256 !== sha256) return false
    const end = endOf(candidate)
    return !attempts.some((other) => other !== candidate && other.commit !== null && (other.started_ms ?? 0) > end)
  })
}

function endOf(edit: Edit): number {
  if (edit.commit === null || edit.started_ms === null || edit.duration_ms === null) return Number.POSITIVE_INFINITY
  return Math.max(edit.started_ms + edit.duration_ms, edit.ended_ms ?? 0)
}

export interface CommitLedger {
  /** Acknowledged edits whose key no commit carries. */
  lost: Loss[]
  /** Edits that were committed more than once. */
  doubled: string[]
  /** Commits with a key of this run that nobody ever attempted. */
  invented: string[]
  /** Acknowledged with a commit that does not exist, or that belongs to another edit. */
  misnamed: string[]
}

/** One entry an edit, however many witnesses miss it. */
export function eachOnce(losses: readonly Loss[]): string[] {
  return [...new Map(losses.map((loss) => [loss.key, loss.what])).values()]
}

export function reconcileCommits(
  edits: readonly Edit[],
  commits: readonly { commit: string; key: string }[],
): CommitLedger {
  const byKey = new Map<string, string[]>()
  for (const { commit, key } of commits) byKey.set(key, [...(byKey.get(key) ?? []), commit])
  const attempted = new Set(edits.map((edit) => edit.key))
  const result: CommitLedger = { lost: [], doubled: [], invented: [], misnamed: [] }
  for (const edit of edits) {
    const found = byKey.get(edit.key) ?? []
    if (found.length > 1) result.doubled.push(`${edit.key}: ${found.length} commits`)
    if (edit.commit === null) continue
    if (found.length === 0)
      result.lost.push({
        key: edit.key,
        what: `${edit.key}: acknowledged as ${edit.commit.slice(0, 12)}, no commit carries it`,
      })
    else if (!found.includes(edit.commit)) {
      result.misnamed.push(
        `${edit.key}: acknowledged as ${edit.commit.slice(0, 12)}, committed as ${found[0]!.slice(0, 12)}`,
      )
    }
  }
  for (const key of byKey.keys()) if (!attempted.has(key)) result.invented.push(key)
  return result
}
