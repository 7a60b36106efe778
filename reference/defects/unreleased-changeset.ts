/** The last changeset of a release stays in the queue, though the release that has it is published. */
import type { Defect } from './defect.ts'

export const unreleasedChangeset: Defect = {
  id: 'unreleased-changeset',
  title: 'A changeset stays queued though it was released',
  check: 'L4',
  reason: 'changesets of published releases are not released',
  mayRedden: [],
  apply({ releases, store }) {
    return {
      releases: {
        ...releases,
        async publish(caller, app, id) {
          const published = await releases.publish(caller, app, id)
          const last = published.ordered_changeset_ids.at(-1)
          if (last !== undefined) await store.data.changesets.updateOne({ _id: last }, { $set: { state: 'queued' } })
          return published
        },
      },
    }
  },
}
