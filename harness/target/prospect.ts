// What can be known of a target before anything runs. A URL is opened, logged in to and looked at; a stack of our own is
// not started for that: what it will offer is known, and a program is only asked for its help.

import type { Fingerprint } from '../result.ts'
import { lookAtCommand } from './command.ts'
import type { Opening } from './open.ts'
import type { TargetOptions } from './options.ts'
import { lookAtReference } from './reference.ts'
import type { Target } from './target.ts'
import { openUrl } from './url.ts'

/** An open target, or what one will offer that is not started to be looked at. */
export type Prospect = Pick<
  Target,
  'kind' | 'address' | 'capabilities' | 'unreachable' | 'processes' | 'allowed' | 'consent' | 'loadBounds'
>

export async function lookAhead(
  options: TargetOptions,
  opening: Opening,
): Promise<{ target: Prospect; fingerprint: Fingerprint | null }> {
  if (options.kind === 'reference') return { target: lookAtReference(options), fingerprint: null }
  if (options.kind === 'command') return { target: await lookAtCommand(options, opening.signal), fingerprint: null }
  await using target = await openUrl(options, opening)
  return { target, fingerprint: await target.fingerprint() }
}
