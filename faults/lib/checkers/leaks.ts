// No temporary environment outlives its deletion: not its row, and not its branch.

import type { Operation } from '../workload/history.ts'
import type { Reading } from '../workload/readings.ts'
import { failed, type Judgement, passed, told, unverified } from './judgement.ts'

export function noLeaks(operations: readonly Operation[], readings: readonly Reading[]): Judgement {
  const claim = 'no temporary environment is left over'
  const deleted = operations.filter(({ f, type }) => f === 'delete-temp-env' && type === 'ok')
  const n = deleted.length
  if (n === 0) return unverified(claim, 'none was deleted', 0)
  const told_ = readings.filter(({ whole_rows }) => whole_rows.includes('temp-env'))
  if (told_.length === 0) return unverified(claim, 'they could not be listed', n)
  const left = deleted.flatMap((operation) => {
    const id = operation.on['temp-env']
    const rows = readings.flatMap(({ rows }) => rows.filter((row) => row.id === id))
    const row = rows.find(({ kind, state }) => kind === 'temp-env' && state !== 'deleted')
    const branch = rows.find(({ kind }) => kind === 'temp-env-branch')
    if (row !== undefined) return [{ operation, what: `it is ${row.state}` }]
    return branch === undefined ? [] : [{ operation, what: `its branch ${branch.state} is still there` }]
  })
  const open = readings.flatMap(({ rows }) =>
    rows.filter(({ kind, state }) => kind === 'job' && (state === 'queued' || state === 'running')),
  )
  if (left.length > 0 && open.length > 0) {
    return unverified(
      claim,
      `${left.length} of ${n} are still there, and ${open.length} jobs had not ended when it was read`,
      n,
    )
  }
  return left.length > 0
    ? failed(
        claim,
        `${left.length} of ${n} are left over, first ${told(left[0]!.operation)}: ${left[0]!.what}`,
        left.map(({ operation }) => operation),
        n,
      )
    : passed(claim, `0 of ${n} that were deleted`, n)
}
