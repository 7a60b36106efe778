/**
 * Writes begin one after the other at a fixed rate, below that at which the open model's edits arrive. Fifty people who wait
 * for their answers slow down with the server and notice little; edits that keep arriving queue up.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Defect } from './defect.ts'

/** 40 a second: fifty at once wait at most 1.25 s, which L1 allows; the open model brings 50 a second. */
const EVERY_MS = 25

export const writeQueue: Defect = {
  id: 'write-queue',
  title: 'No more than forty file writes a second begin',
  check: 'L1.open',
  reason: ', limit 2000 ms',
  mayRedden: [],
  apply({ files }) {
    let next_ms = 0
    return {
      files: {
        ...files,
        async write(caller, app, workspaceId, input) {
          const now_ms = performance.now()
          next_ms = Math.max(now_ms, next_ms + EVERY_MS)
          await sleep(next_ms - now_ms)
          return files.write(caller, app, workspaceId, input)
        },
      },
    }
  },
}
