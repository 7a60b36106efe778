// What a load may do to a target that is not ours. A load that the bounds do not allow is not made smaller: a weaker load
// that passes would pass for the one that was asked for.

import type { Load } from './check.ts'
import type { LoadBounds } from './target/target.ts'

/** What a user raises where a bound is in the way. */
export const RAISE = {
  users: 'CONMAN_LOAD_USERS_MAX (load.users_max)',
  rate: 'CONMAN_LOAD_REQUESTS_PER_S_MAX (load.requests_per_s_max)',
} as const

/** A bound so close to a load's own rate would hold it now and then, and a load that was held is not the one asked for. */
const ROOM = 1.25

/** The lowest bound under which a load of this rate runs free. */
export function boundFor(requests_per_s: number): number {
  return Math.ceil(requests_per_s * ROOM)
}

/** The first bound that is in a load's way, and what to do about it. */
export function beyondBounds(load: Load, bounds: LoadBounds): { because: string; remedy: string } | undefined {
  const { users, requests_per_s } = load
  if (users > bounds.users_max) {
    return {
      because: `its load of ${users} users at once is above the bound of ${bounds.users_max} for this target`,
      remedy: `raise ${RAISE.users} to ${users}, where the target may be loaded with that`,
    }
  }
  if (requests_per_s !== null && boundFor(requests_per_s) > bounds.requests_per_s_max) {
    return {
      because: `its load of ${requests_per_s} requests/s is not clear of the bound of ${bounds.requests_per_s_max} for this target`,
      remedy: `raise ${RAISE.rate} to ${boundFor(requests_per_s)}, a quarter above the load, where the target may be loaded with that`,
    }
  }
  return undefined
}
