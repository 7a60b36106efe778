// What may be done to a target. Everything on a stack of our own; a URL may only be read, unless the user says so twice:
// once on the command line, once by typing its host. Loopback is no exception: a port forwarded to production is loopback too.

import type { Effect } from './check.ts'
import { UsageError } from './errors.ts'
import type { TargetOptions } from './target/options.ts'

export interface Consent {
  /** The most that may be done. */
  allowed: Effect
  /** What the command line asks for: half of a consent. */
  asked: Effect
  /** The other half: the target's host was typed. */
  hostNamed: boolean
}

/** `--allow-writes` and `--allow-destructive`. The second includes the first. */
export interface ConsentFlags {
  'allow-writes': boolean
  'allow-destructive': boolean
}

const RANK: Readonly<Record<Effect, number>> = { reads: 0, writes: 1, disrupts: 2 }

const FLAG: Readonly<Record<Exclude<Effect, 'reads'>, string>> = {
  writes: '--allow-writes (make: ALLOW=writes)',
  disrupts: '--allow-destructive (make: ALLOW=destructive)',
}

const HOST = 'CONMAN_CONSENT_HOST (consent.host)'

export function isAllowed(effect: Effect, allowed: Effect): boolean {
  return RANK[effect] <= RANK[allowed]
}

/** The aim with the user's consent. A stack of our own needs none. Throws when another host than the target's was typed. */
export function withConsent(options: TargetOptions, flags: ConsentFlags): TargetOptions {
  return options.kind === 'url' ? { ...options, consent: consentTo(options, flags) } : options
}

function consentTo(
  { baseUrl, consentHost, givenBy }: Extract<TargetOptions, { kind: 'url' }>,
  flags: ConsentFlags,
): Consent {
  const asked = flags['allow-destructive'] ? 'disrupts' : flags['allow-writes'] ? 'writes' : 'reads'
  if (consentHost === undefined) return { allowed: 'reads', asked, hostNamed: false }
  const { protocol, host } = new URL(baseUrl)
  if (hostOf(protocol, consentHost) !== host) {
    throw new UsageError(
      `${givenBy['consent.host'] ?? HOST} names ‘${consentHost}’, but the target is ‘${host}’`,
      'nothing was sent; type the host that you mean to test, with its port where the URL has one',
    )
  }
  return { allowed: asked, asked, hostNamed: true }
}

/** A host as a URL writes it: lower case, without the port that the protocol has by itself. */
function hostOf(protocol: string, typed: string): string | undefined {
  const url = URL.parse(`${protocol}//${typed}`)
  return url !== null && url.pathname === '/' && url.username === '' ? url.host : undefined
}

/** What is still to be given for an effect that is not allowed; without a consent, both halves. */
export function consentLacking(effect: Exclude<Effect, 'reads'>, consent: Consent | undefined): string {
  const flagged = consent !== undefined && isAllowed(effect, consent.asked)
  if (flagged) return `type its host in ${HOST}: a flag alone is half of a consent`
  if (consent?.hostNamed) return `give ${FLAG[effect]}: the host alone is half of a consent`
  return `give ${FLAG[effect]}, and type its host in ${HOST}`
}
