// How fast a target answered and how its clock stands, in words: the page and the terminal say the same.

import type { Times } from '../harness/result.ts'
import { quantity } from './format.ts'

export function answersText({ health_ms, openapi_ms, login_ms }: Times): string {
  const parts = [
    ...(health_ms === null
      ? ['health: no answer that could be timed']
      : [
          health_ms.n === 1
            ? `health ${quantity(health_ms.median, 'ms')} (once)`
            : `health ${quantity(health_ms.median, 'ms')} (median of ${health_ms.n}, slowest ${quantity(health_ms.worst, 'ms')})`,
        ]),
    ...(openapi_ms === null ? [] : [`API description ${quantity(openapi_ms, 'ms')}`]),
    ...(login_ms === null ? [] : [`login ${quantity(login_ms, 'ms')}`]),
  ]
  return parts.join(' · ')
}

export function clockText({ clock_ahead_ms: clock }: Times): string {
  if (clock === null) return 'not known: its answers carry no date'
  const give = `±${quantity(clock.uncertainty, 'ms', 2)}`
  // A difference that the Date headers cannot tell from none is none.
  if (Math.abs(clock.value) <= clock.uncertainty) return `as here (${give})`
  return `${quantity(Math.abs(clock.value), 'ms')} ${clock.value > 0 ? 'ahead of' : 'behind'} this machine’s (${give})`
}
