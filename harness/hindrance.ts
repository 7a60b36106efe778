// Why a gatherer will not run on a target: known before anything runs, so that `plan` says what a run would find.

import { CAPABILITIES, type Capability } from './capabilities.ts'
import type { Gatherer } from './check.ts'
import { consentLacking, isAllowed } from './consent.ts'
import { beyondBounds } from './load-bounds.ts'
import type { Profile } from './profiles.ts'
import type { Target } from './target/target.ts'

export interface Hindrance {
  because: string
  remedy: string
  not_applicable?: boolean
}

/** The first thing that stands in the way, or undefined when it can run. Nothing that is not there is ever a pass. */
export function hindrance(
  gatherer: Pick<Gatherer<unknown>, 'needs' | 'effect' | 'inapplicableTo' | 'load'>,
  target: Pick<Target, 'allowed' | 'capabilities' | 'loadBounds' | 'processes' | 'unreachable'> &
    Partial<Pick<Target, 'consent'>>,
  profile: Profile,
): Hindrance | undefined {
  const inapplicable = gatherer.inapplicableTo?.(target)
  if (inapplicable !== undefined) {
    return { because: inapplicable, remedy: 'nothing to do: there is nothing to check', not_applicable: true }
  }
  const missing = gatherer.needs.filter((need) => !target.capabilities.has(need))
  if (missing.length > 0) {
    return {
      because: `the harness cannot reach ${missing.map((need) => reasonFor(need, target)).join(', ')}`,
      remedy: `hand over ${missing.map((need) => CAPABILITIES[need].handOver).join('; ')}`,
    }
  }
  if (gatherer.effect !== 'reads' && !isAllowed(gatherer.effect, target.allowed)) {
    return {
      because: `it ${gatherer.effect === 'writes' ? 'writes to' : 'disrupts'} the target, and there is no consent to that`,
      remedy: consentLacking(gatherer.effect, target.consent),
    }
  }
  const load = gatherer.load?.(profile)
  return load === undefined || target.loadBounds === undefined ? undefined : beyondBounds(load, target.loadBounds)
}

function reasonFor(need: Capability, { unreachable }: Pick<Target, 'unreachable'>): string {
  const why = unreachable.get(need)
  return why === undefined ? CAPABILITIES[need].what : `${CAPABILITIES[need].what} (${why})`
}
