// Whoever is queued first stands first: by the positions that were given, and by the lists of the queue.

import type { Operation } from '../workload/history.ts'
import { failed, type Judgement, passed, told, unverified } from './judgement.ts'

export function queueOrder(operations: readonly Operation[]): Judgement {
  const claim = 'the queue keeps its order'
  const wrong: { operation: Operation; why: string }[] = []
  let n = 0
  for (const listing of operations.filter(({ f, type }) => f === 'list-queue' && type === 'ok')) {
    const places = listing.saw.flatMap(({ position }) => position ?? [])
    if (places.length < 2) continue
    n += 1
    const index = places.findIndex((place, at) => at > 0 && place <= places[at - 1]!)
    if (index > 0)
      wrong.push({ operation: listing, why: `position ${places[index]} stands after ${places[index - 1]}` })
  }
  const queued = operations.filter(({ f, type }) => f === 'enqueue' && type === 'ok')
  for (const [index, later] of queued.entries()) {
    const earlier = queued.findLast((one, at) => at < index && one.on.app === later.on.app)
    if (earlier === undefined || earlier.ended_ms === null || earlier.ended_ms > later.invoked_ms) continue
    // Published meanwhile, the earlier one had left, and positions may begin anew.
    if (leftBetween(operations, earlier, later)) continue
    const [first, second] = [positionIn(earlier), positionIn(later)]
    if (first === undefined || second === undefined) continue
    n += 1
    if (second <= first) wrong.push({ operation: later, why: `it got position ${second} after another got ${first}` })
  }
  if (wrong.length > 0) {
    const [{ operation, why }] = wrong as [(typeof wrong)[number]]
    return failed(
      claim,
      `${wrong.length} of ${n} times it does not, first ${told(operation)}: ${why}`,
      wrong.map((one) => one.operation),
      n,
    )
  }
  return n === 0 ? unverified(claim, 'no two were queued at a time', 0) : passed(claim, `${n} of ${n} times`, n)
}

function leftBetween(operations: readonly Operation[], { ended_ms, on }: Operation, later: Operation): boolean {
  return operations.some(
    ({ f, on: about, ended_ms: end, invoked_ms }) =>
      (f === 'publish' || f === 'assemble') &&
      about.app === on.app &&
      invoked_ms < later.invoked_ms &&
      (end ?? Number.POSITIVE_INFINITY) > ended_ms!,
  )
}

function positionIn({ saw, on }: Operation): number | undefined {
  return saw.find(({ id, state }) => id === on.changeset && state === 'queued')?.position
}
