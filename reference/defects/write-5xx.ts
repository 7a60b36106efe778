/** One path in forty answers 500. */
import { type Defect, strikes } from './defect.ts'

export const write5xx: Defect = {
  id: 'write-5xx',
  title: 'Some file writes answer 500',
  check: 'L1',
  reason: 'HTTP 500',
  mayRedden: [],
  apply({ files }) {
    return {
      files: {
        ...files,
        async write(caller, app, workspaceId, input) {
          if (strikes(input.path, 40)) throw new Error('this write fails by design of a known defect')
          return files.write(caller, app, workspaceId, input)
        },
      },
    }
  },
}
