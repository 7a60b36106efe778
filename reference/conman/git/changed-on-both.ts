/** Where two sides may meet: the files that both have changed since the commit that they come from. */
import type { FileStats } from './diffs.ts'

/** A file on one side that lies where the other has a directory counts too: they cannot both be there. */
export function changedOnBoth(ours: readonly FileStats[], theirs: readonly FileStats[]): string[] {
  const [mine, yours] = [pathsOf(ours), pathsOf(theirs)]
  return [...new Set([...meetings(mine, yours), ...meetings(yours, mine)])].sort()
}

function meetings(paths: Set<string>, others: Set<string>): string[] {
  return [...paths].flatMap((path) => {
    const met = ancestorsOf(path).filter((at) => others.has(at))
    return met.length === 0 ? [] : [path, ...met]
  })
}

function pathsOf(stats: readonly FileStats[]): Set<string> {
  return new Set(stats.flatMap(({ path, old_path }) => (old_path === null ? [path] : [path, old_path])))
}

/** The path itself and the directories that it is in. */
function ancestorsOf(path: string): string[] {
  const parts = path.split('/')
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}
