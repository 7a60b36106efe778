/** Commits to a branch of the app's repository by git itself, as somebody does who has access to it and needs no Conman. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { World } from './world.ts'

/** What each path shall hold; null removes it. */
export type Changes = Readonly<Record<string, string | null>>

/** Answers the new commit, on which the branch is then. */
export function commitTo(world: World, branch: string, changes: Changes): string {
  const folder = mkdtempSync(join(tmpdir(), 'conman-commit-'))
  const git = (...args: string[]) =>
    world.git('-c', 'user.name=Somebody', '-c', 'user.email=s@example.com', ...args).trim()
  try {
    const parent = git('rev-parse', `refs/heads/${branch}`)
    git('read-tree', parent)
    for (const [path, content] of Object.entries(changes)) {
      if (content === null) {
        git('--work-tree', folder, 'update-index', '--force-remove', path)
        continue
      }
      const file = join(folder, 'blob')
      writeFileSync(file, content)
      git('update-index', '--add', '--replace', '--cacheinfo', `100644,${git('hash-object', '-w', file)},${path}`)
    }
    const commit = git('commit-tree', '-p', parent, '-m', `Somebody changes ${branch}`, git('write-tree'))
    git('update-ref', `refs/heads/${branch}`, commit, parent)
    return commit
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
