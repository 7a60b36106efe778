// Merges, rebases and reverts without a working tree, by `git merge-tree`.

import type { Commit } from './commit-object.ts'
import { EMPTY_TREE_OID, isObjectId } from './object-id.ts'
import type { Repository } from './repository.ts'
import type { Signature } from './signature.ts'

export type MergeResult = { tree: string } | { conflictingFiles: string[] }

/** The merge of two commits from their common ancestors; histories that share none are merged from the empty tree. */
export async function mergeCommits(
  repository: Repository,
  oursOid: string,
  theirsOid: string,
  signal?: AbortSignal,
): Promise<MergeResult> {
  const args = ['merge-tree', '--write-tree', '-z', '--name-only', '--allow-unrelated-histories', oursOid, theirsOid]
  const { code, stdout } = await repository.git.run(repository.directory, args, { signal, codes: [0, 1] })
  // The tree, then the files in conflict up to an empty field, then messages.
  const fields = stdout.toString('latin1').split('\0')
  const tree = fields[0] ?? ''
  if (!isObjectId(tree)) throw new Error('git merge-tree printed no tree')
  if (code === 0) return { tree }
  return { conflictingFiles: [...new Set(fields.slice(1, fields.indexOf('', 1)))] }
}

/** The change from `base` to `theirs`, applied to `ours`; all three are trees. */
export async function applyChange(
  repository: Repository,
  trees: { base: string; ours: string; theirs: string },
  signature: Signature,
  signal?: AbortSignal,
): Promise<MergeResult> {
  if (trees.ours === trees.base) return { tree: trees.theirs }
  // git 2.39 cannot be told the base of a merge, so it is given three throw-away commits that have just that base.
  const throwAway = (tree: string, parents: string[]) =>
    repository.writeCommit({ tree, parents, author: signature, committer: signature, message: Buffer.alloc(0) })
  const base = await throwAway(trees.base, [])
  const [ours, theirs] = await Promise.all([throwAway(trees.ours, [base]), throwAway(trees.theirs, [base])])
  return mergeCommits(repository, ours, theirs, signal)
}

export type RebaseResult = { oid: string } | { conflictingFiles: string[]; conflictingCommit: string }

/**
 * Replays on `onto` what `source` has and `onto` has not: no merges, and nothing that is applied already. As for `git
 * rebase`, a commit without a change is never taken for one that is applied, whatever empty commits there are on `onto`.
 */
export async function rebaseCommits(
  repository: Repository,
  source: Commit,
  onto: Commit,
  committer: Signature,
  signal?: AbortSignal,
): Promise<RebaseResult> {
  if (await repository.isAncestor(onto.oid, source.oid, signal)) return { oid: source.oid }
  if (await repository.isAncestor(source.oid, onto.oid, signal)) return { oid: onto.oid }
  const { stdout } = await repository.git.run(
    repository.directory,
    ['rev-list', '--reverse', '--topo-order', '--no-merges', '--cherry-mark', '--right-only'].concat(
      `${onto.oid}...${source.oid}`,
    ),
    { signal },
  )
  let tip = { oid: onto.oid, tree: onto.tree }
  // `=` before what has its like on the other side, `+` before the rest.
  for (const [, mark, oid = ''] of stdout.toString('latin1').matchAll(/^([=+])([0-9a-f]{40})$/gm)) {
    const commit = await requireCommit(repository, oid)
    const base = await parentTree(repository, commit)
    if (mark === '=' && commit.tree !== base) continue
    const result = await applyChange(repository, { base, ours: tip.tree, theirs: commit.tree }, committer, signal)
    if ('conflictingFiles' in result) return { ...result, conflictingCommit: oid }
    // Nothing of the change is left: it has been applied in another form. A commit that was always empty is kept.
    if (result.tree === tip.tree && commit.tree !== base) continue
    const { author, message } = commit
    const tree = result.tree
    tip = { oid: await repository.writeCommit({ tree, parents: [tip.oid], author, committer, message }), tree }
  }
  return { oid: tip.oid }
}

/** The tree of a commit's first parent; the empty tree for a root commit. */
export async function parentTree(repository: Repository, commit: Commit): Promise<string> {
  const parent = commit.parents[0]
  if (parent !== undefined) return (await requireCommit(repository, parent)).tree
  await repository.write('tree', Buffer.alloc(0)).stored
  return EMPTY_TREE_OID
}

async function requireCommit(repository: Repository, oid: string): Promise<Commit> {
  const commit = await repository.commit(oid)
  if (!commit) throw new Error(`commit ${oid} is missing`)
  return commit
}
