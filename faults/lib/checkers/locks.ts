// One deployment at a time in each environment, by every change of their states.

import type { StateChange } from '../workload/state-log.ts'
import { failed, type Judgement, passed, unverified } from './judgement.ts'

const ACTIVE = new Set<string | null>(['pending', 'running'])

export function environmentLocks(states: readonly StateChange[] | null, because: string | null): Judgement {
  const claim = 'no environment has two deployments at once'
  if (states === null)
    return unverified(claim, `the changes of states could not be read: ${because ?? 'no reason is known'}`)
  const active = new Map<string, Set<string>>()
  const seen = new Set<string>()
  for (const { kind, id, to, place, at_ms } of states) {
    if (kind !== 'deployment' || place === undefined) continue
    seen.add(id)
    const here = active.get(place) ?? new Set()
    active.set(place, here)
    if (ACTIVE.has(to)) here.add(id)
    else here.delete(id)
    if (here.size > 1) {
      return failed(
        claim,
        `environment ${place} had ${here.size} active deployments at once at ${(at_ms / 1_000).toFixed(1)} s: ${[...here].join(' and ')}`,
        [],
        seen.size,
      )
    }
  }
  return seen.size === 0
    ? unverified(claim, 'nothing was deployed', 0)
    : passed(claim, `${seen.size} deployments, one after the other`, seen.size)
}
