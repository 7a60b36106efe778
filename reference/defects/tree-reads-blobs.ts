/** A directory is listed with the sizes of all files below it, and each is told by reading the whole file. */
import type { GitBackend } from '../conman/git/backend.ts'
import type { Defect } from './defect.ts'

export const treeReadsBlobs: Defect = {
  id: 'tree-reads-blobs',
  title: 'Listing a directory reads every file below it',
  check: 'L5',
  reason: 'took longer than 3000 ms',
  mayRedden: [],
  apply({ git }) {
    const list: GitBackend['list'] = async (repository, revision, path, deadline) => {
      const entries = await git.list(repository, revision, path, deadline)
      for (const entry of entries) {
        if (entry.kind === 'dir') await list(repository, revision, entry.path, deadline)
        else await git.read(repository, revision, entry.path, deadline)
      }
      return entries
    }
    return { git: { ...git, list } }
  },
}
