// Trees: from git's bytes to entries, and back. Names are their bytes as latin1.

export const MODE_FILE = 0o100644
export const MODE_EXECUTABLE = 0o100755
export const MODE_SYMLINK = 0o120000
export const MODE_TREE = 0o040000
export const MODE_SUBMODULE = 0o160000

export interface TreeEntry {
  readonly mode: number
  readonly oid: string
}

/** A tree's entries by name, in the tree's order. */
export type Tree = ReadonlyMap<string, TreeEntry>

export function parseTree(content: Buffer): Tree {
  const entries = new Map<string, TreeEntry>()
  let at = 0
  while (at < content.length) {
    const space = content.indexOf(32, at)
    const end = content.indexOf(0, space)
    const mode = Number.parseInt(content.toString('latin1', at, space), 8)
    entries.set(content.toString('latin1', space + 1, end), { mode, oid: content.toString('hex', end + 1, end + 21) })
    at = end + 21
  }
  return entries
}

export function formatTree(entries: Iterable<readonly [string, TreeEntry]>): Buffer {
  // Git sorts a directory as if its name ended in a slash.
  const sorted = [...entries].map(([name, entry]) => ({
    name,
    entry,
    key: entry.mode === MODE_TREE ? `${name}/` : name,
  }))
  sorted.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  return Buffer.concat(
    sorted.flatMap(({ name, entry }) => [
      Buffer.from(`${entry.mode.toString(8)} ${name}\0`, 'latin1'),
      Buffer.from(entry.oid, 'hex'),
    ]),
  )
}
