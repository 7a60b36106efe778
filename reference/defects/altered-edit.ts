/** One path in forty is stored with its first byte changed. */
import { type Defect, strikes } from './defect.ts'

export const alteredEdit: Defect = {
  id: 'altered-edit',
  title: 'Some file writes store other bytes than were sent',
  check: 'L1',
  reason: 'hold bytes that nobody sent',
  mayRedden: [],
  apply({ commits }) {
    return {
      commits: {
        ...commits,
        put(caller, edit, content) {
          if (!strikes(edit.path, 40) || content.length === 0) return commits.put(caller, edit, content)
          const altered = Buffer.from(content)
          altered.writeUInt8(altered.readUInt8(0) ^ 1, 0)
          return commits.put(caller, edit, altered)
        },
      },
    }
  },
}
