/** Whoever publishes a release takes the tag of the release before along, to where the branch is now. */
import type { Defect } from './defect.ts'

export const movedTag: Defect = {
  id: 'moved-tag',
  title: 'Publishing a release moves the tag of the release before it',
  check: 'L4',
  reason: 'tags are missing or name another commit',
  mayRedden: [],
  apply({ git }) {
    const newest = new Map<string, string>()
    return {
      git: {
        ...git,
        async createTag(repository, tag, target, user, deadline) {
          const made = await git.createTag(repository, tag, target, user, deadline)
          const before = newest.get(repository.path)
          if (before !== undefined && before !== tag) {
            await git.forceReference(repository, `refs/tags/${before}`, target, deadline)
          }
          newest.set(repository.path, tag)
          return made
        },
      },
    }
  },
}
