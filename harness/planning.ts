// What a run would find, before anything runs: which checks will be verified and which cannot be, what is done to the
// target, how long it takes, and whether it could end in GO. Pure: `plan` prints it, and a run says it in short.

import { ALL_CAPABILITIES, CAPABILITIES } from './capabilities.ts'
import { type AnyCheck, CATALOGUE, WHOLE_CATALOGUE } from './catalogue.ts'
import type { Gatherer, ProfileName } from './check.ts'
import { EXIT } from './errors.ts'
import type { Forecast } from './forecast.ts'
import { type Hindrance, hindrance } from './hindrance.ts'
import { PROFILES, type Profile } from './profiles.ts'
import { REQUIRED_FOR_GO } from './requirements.ts'
import type { Fingerprint, Reach } from './result.ts'
import type { Prospect } from './target/prospect.ts'

export interface ForecastInput {
  target: Prospect
  /** Null where the target is not open. */
  fingerprint: Fingerprint | null
  checks: readonly AnyCheck[]
  profile: ProfileName
  seedOver: 'http' | 'database'
  /** Some limit is not the requirement's own. */
  overridden: boolean
  tools: Forecast['tools']
}

/** docs/benchmarks.md: three mongod, Toxiproxy, the git backend and Conman, up to ready. */
const STACK_STARTS_IN_S = 4

/** docs/benchmarks.md, a fiftieth of the seeding of 50 users: straight into the database, and over HTTP on a stack of our own. */
const SEED_S_PER_USER = { database: 0.025, http: 0.15 } as const

/** E12 §6.4: ten requests a minute and address to `/api/auth/*`, one of which every new user needs. */
const JOINING_S_PER_USER_LIMITED = 6

/** So many gatherers at a time, of those that may stand side by side: two cores are kept busy, and a target is not flooded. */
export const SIDE_BY_SIDE = 4

/** In the order in which they are gathered: each by itself, but for neighbours that work apart from everything else. */
export function groupsOf<T extends Pick<Gatherer<unknown>, 'apart'>>(gatherers: readonly T[]): T[][] {
  const groups: T[][] = []
  for (const gatherer of gatherers) {
    const last = groups.at(-1)
    if (gatherer.apart && last?.[0]?.apart) last.push(gatherer)
    else groups.push([gatherer])
  }
  return groups
}

export function forecast(input: ForecastInput): Forecast {
  const { target, fingerprint, checks } = input
  const profile = PROFILES[input.profile]
  const gatherers = [...new Set(checks.map((check) => check.gatherer as Gatherer<unknown>))]
  const hindered = new Map(gatherers.map((gatherer) => [gatherer, hindrance(gatherer, target, profile)]))
  const running = gatherers.filter((gatherer) => hindered.get(gatherer) === undefined)
  const rows = checks.map((check): Forecast['checks'][number] => {
    const why = hindered.get(check.gatherer)
    return {
      id: check.id,
      title: check.title,
      level: check.requirement.level,
      gatherer: check.gatherer.id,
      outlook: outlookOf(why),
      because: why?.because ?? null,
      remedy: why === undefined || why.not_applicable ? null : why.remedy,
    }
  })
  const unverifiable = rows.filter((row) => row.level === 'MUST' && row.outlook === 'cannot-run').map((row) => row.id)
  const because = whyNoGo(input, unverifiable)
  return {
    schema: 'readiness-forecast/1',
    profile: input.profile,
    target: {
      kind: target.kind,
      address: target.address,
      processes: target.processes,
      allowed: target.allowed,
      fingerprint,
    },
    reach: reachOf(target),
    checks: rows,
    gatherers: gatherers.map((gatherer) => ({
      id: gatherer.id,
      title: gatherer.title,
      will_run: hindered.get(gatherer) === undefined,
      effect: gatherer.effect,
      alone: needsTargetAlone(gatherer),
      leaves: gatherer.leaves ?? null,
      breaks: gatherer.breaks ?? null,
      expected_s: gatherer.expected_s(profile),
    })),
    time: timeOf(input, running, profile),
    tools: input.tools,
    required_without_check: requiredWithoutCheck(),
    go: { possible: because.length === 0, because },
    exit_code: unverifiable.length === 0 ? EXIT.ok : EXIT.mustNotVerified,
  }
}

/** Each thing that a check may need, whether this target lets us reach it, and what to hand over where it does not. */
export function reachOf(target: Pick<Prospect, 'capabilities' | 'unreachable'>): Reach[] {
  return ALL_CAPABILITIES.map((capability) => {
    const reached = target.capabilities.has(capability)
    return {
      capability,
      reached,
      because: target.unreachable.get(capability) ?? null,
      hand_over: reached ? null : CAPABILITIES[capability].handOver,
    }
  })
}

/** Of what GO needs, the ids that this version has no check for. */
export function requiredWithoutCheck(): string[] {
  return without(REQUIRED_FOR_GO, CATALOGUE)
}

/** GO rests on everything that E12 asks for: while a requirement has no check, no run is the whole catalogue. */
export function isWholeCatalogue(checks: readonly AnyCheck[]): boolean {
  return without([...REQUIRED_FOR_GO, ...WHOLE_CATALOGUE.map((check) => check.id)], checks).length === 0
}

function without(ids: readonly string[], checks: readonly AnyCheck[]): string[] {
  const present = new Set(checks.map((check) => check.id))
  return ids.filter((id) => !present.has(id))
}

/** Who writes to a target or takes something down changes what anybody else would measure on it. */
function needsTargetAlone({ effect, apart }: Pick<Gatherer<unknown>, 'effect' | 'apart'>): boolean {
  return effect !== 'reads' && apart !== true
}

function outlookOf(why: Hindrance | undefined): Forecast['checks'][number]['outlook'] {
  if (why === undefined) return 'will-run'
  return why.not_applicable ? 'not-applicable' : 'cannot-run'
}

function whyNoGo({ profile, checks, overridden }: ForecastInput, unverifiable: readonly string[]): string[] {
  const lacking = requiredWithoutCheck()
  const left = WHOLE_CATALOGUE.filter((check) => !checks.includes(check))
  return [
    ...(profile === 'golive' ? [] : [`the profile is ${profile}, and GO needs golive`]),
    ...(left.length === 0 ? [] : [`${left.length} of ${WHOLE_CATALOGUE.length} checks of the catalogue are left out`]),
    ...(lacking.length === 0
      ? []
      : [`this version has no check for ${lacking.length} of ${REQUIRED_FOR_GO.length} requirements`]),
    ...(overridden ? ['limits are changed'] : []),
    ...(unverifiable.length === 0 ? [] : [`on this target these MUSTs cannot be verified: ${unverifiable.join(', ')}`]),
  ]
}

export interface Step {
  what: string
  expected_s: number
  /** Nothing else runs meanwhile. */
  alone: boolean
}

function timeOf(input: ForecastInput, running: readonly Gatherer<unknown>[], profile: Profile): Forecast['time'] {
  const own = input.target.kind !== 'url'
  // The users of a load are seeded; loads of as many share them.
  const users = [...new Set(running.map((gatherer) => gatherer.load?.(profile).users ?? 0))].reduce((a, b) => a + b, 0)
  const steps: Step[] = [
    ...(own && running.length > 0
      ? [{ what: 'start-up of the stack', expected_s: STACK_STARTS_IN_S, alone: true }]
      : []),
    ...(users > 0
      ? [{ what: `seeding of ${users} users`, expected_s: users * secondsPerUser(input), alone: true }]
      : []),
    ...running.map((gatherer) => ({
      what: gatherer.id,
      expected_s: gatherer.expected_s(profile),
      // Others are gathered one after another (`groupsOf`).
      alone: gatherer.apart !== true,
    })),
  ]
  const path = criticalPath(steps, SIDE_BY_SIDE)
  return {
    steps: steps.map(({ what, expected_s }) => ({ what, expected_s })),
    total_s: sum(steps),
    critical_path: path.map((step) => step.what),
    critical_path_s: sum(path),
    seeding_limited_s: own || users === 0 ? null : users * JOINING_S_PER_USER_LIMITED,
  }
}

/** Over HTTP a new user costs the target one hashing of a password, as a login does. */
function secondsPerUser({ target, seedOver, fingerprint }: ForecastInput): number {
  if (target.kind !== 'url') return SEED_S_PER_USER[seedOver]
  const login_ms = fingerprint?.times?.login_ms ?? null
  return login_ms === null ? SEED_S_PER_USER.http : Math.max(SEED_S_PER_USER.http, login_ms / 1_000)
}

/**
 * The steps that decide how long all of them take: each that needs the target alone, and of the others, so many side by
 * side, the fullest lane.
 */
export function criticalPath(steps: readonly Step[], sideBySide: number): Step[] {
  const lanes: Step[][] = Array.from({ length: sideBySide }, () => [])
  // The longest first, each into the lane that is free first.
  for (const step of steps.filter((each) => !each.alone).toSorted((a, b) => b.expected_s - a.expected_s)) {
    lanes.toSorted((a, b) => sum(a) - sum(b))[0]?.push(step)
  }
  const fullest = lanes.toSorted((a, b) => sum(b) - sum(a))[0] ?? []
  return steps.filter((step) => step.alone || fullest.includes(step))
}

function sum(steps: readonly Step[]): number {
  return steps.reduce((seconds, step) => seconds + step.expected_s, 0)
}
