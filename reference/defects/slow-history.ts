/** A file that was written often takes longer to write: five edits show nothing, two minutes of them do. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Defect } from './defect.ts'

const FAST_WRITES = 20
/** The specification's sample allows two seconds at the 99th percentile. */
const DELAY_MS = 2_500

export const slowHistory: Defect = {
  id: 'slow-history',
  title: 'A file that was written twenty times takes 2.5 seconds longer from then on',
  check: 'L1.sample',
  reason: ', limit 2000 ms',
  // The open-model twin writes the same files as often.
  mayRedden: ['L1.open'],
  apply({ files }) {
    const writes = new Map<string, number>()
    return {
      files: {
        ...files,
        async write(caller, app, workspaceId, input) {
          const file = `${workspaceId} ${input.path}`
          const before = writes.get(file) ?? 0
          writes.set(file, before + 1)
          if (before >= FAST_WRITES) await sleep(DELAY_MS)
          return files.write(caller, app, workspaceId, input)
        },
      },
    }
  },
}
