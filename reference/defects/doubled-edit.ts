/** One path in forty leaves two commits for one request; the content is right in the end. */
import { type Defect, strikes } from './defect.ts'

export const doubledEdit: Defect = {
  id: 'doubled-edit',
  title: 'Some file writes are committed twice',
  check: 'L1',
  reason: 'committed more than once',
  mayRedden: [],
  apply({ commits }) {
    return {
      commits: {
        ...commits,
        async put(caller, edit, content) {
          if (!strikes(edit.path, 40)) return commits.put(caller, edit, content)
          // The same bytes again would not be committed; one byte more makes the first of the two commits.
          const tip = await commits.put(caller, edit, Buffer.concat([content, Buffer.from('\n')]))
          return commits.put(caller, { ...edit, tip }, content)
        },
      },
    }
  },
}
