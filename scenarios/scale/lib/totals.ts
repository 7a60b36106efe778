// How many rows a list says that it has.

import type { Run } from '../../../harness/run.ts'
import type { ListCall } from '../../../harness/target/conman/call.ts'
import { recordOf } from '../../../harness/target/conman.ts'

/** Null where the target does not say. */
export async function totalOf({ target }: Run, token: string, call: ListCall<unknown>): Promise<number | null> {
  const answer = await target.conman.answer(token, { ...call, query: { ...call.query, limit: '1' } })
  const total = recordOf(recordOf(answer.json)?.pagination)?.total
  return typeof total === 'number' && Number.isInteger(total) ? total : null
}
