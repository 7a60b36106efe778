/** One path in forty is acknowledged, with a commit id that looks right, though nothing is committed. */
import { createHash } from 'node:crypto'
import { type Defect, strikes } from './defect.ts'

export const lostEdit: Defect = {
  id: 'lost-edit',
  title: 'Some acknowledged file writes are never committed',
  check: 'L1',
  reason: 'acknowledged edits are lost',
  mayRedden: [],
  apply({ commits }) {
    return {
      commits: {
        ...commits,
        async put(caller, edit, content) {
          if (!strikes(edit.path, 40)) return commits.put(caller, edit, content)
          return createHash('sha1').update(`${edit.tip} ${edit.path}`).update(content).digest('hex')
        },
      },
    }
  },
}
