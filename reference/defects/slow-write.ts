/** One path in ten takes longer than L1 allows, and is otherwise right. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Defect, strikes } from './defect.ts'

/** L1 allows two seconds. */
const DELAY_MS = 2_500

export const slowWrite: Defect = {
  id: 'slow-write',
  title: 'Some file writes take 2.5 seconds longer',
  check: 'L1',
  reason: 'took longer than 2000 ms',
  mayRedden: [],
  apply({ files }) {
    return {
      files: {
        ...files,
        async write(caller, app, workspaceId, input) {
          if (strikes(input.path, 10)) await sleep(DELAY_MS)
          return files.write(caller, app, workspaceId, input)
        },
      },
    }
  },
}
