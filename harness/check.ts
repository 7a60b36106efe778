// The types that every part of the harness shares. A check gathers evidence (touches the world, judges nothing) and
// evaluates it (pure: the same evidence gives the same verdict tomorrow, on another machine, with no stack).

import type { TSchema } from 'typebox'
import type { Capability } from './capabilities.ts'
import type { Profile } from './profiles.ts'
import type { Run } from './run.ts'
import type { Target } from './target/target.ts'

/** Permanent: an id is never reused for another requirement. */
export type CheckId = string

/** MUST rows decide GO; SHOULD rows are shown and counted, and never block (decisions, 'Levels'). */
export type Level = 'MUST' | 'SHOULD'

/**
 * - `pass`, `fail`: measured, against the limit.
 * - `not-verified`: a capability, a tool or enough samples were missing, or the harness itself failed; `because` says which.
 * - `not-applicable`: the target's shape leaves nothing to check; `because` says why.
 */
export type Outcome = 'pass' | 'fail' | 'not-verified' | 'not-applicable'

/**
 * The most that a gatherer does to a target: `reads` changes nothing; `writes` makes things of its own, which carry the
 * run's prefix; `disrupts` takes something down or loads it beyond what its users would.
 */
export type Effect = 'reads' | 'writes' | 'disrupts'

/** The profiles: same code, other data. Only `golive` can give GO. */
export type ProfileName = 'smoke' | 'standard' | 'golive'

/** A number that a verdict compares with. Each carries its unit last in its name and where it comes from. */
export interface Limit {
  /** e.g. `latency_ms_max`: unit before the comparison. */
  name: string
  value: number
  unit: string
  compare: 'at-most' | 'at-least' | 'exactly'
  source: string
  /** The requirement's own number, when the user overrode it. Shown in the report. */
  overriddenFrom?: number
}

export interface Measured {
  value: number
  unit: string
  /** Within which the true figure lies with 95 % confidence, where that can be said. */
  interval?: { low: number; high: number }
  /** What the number is: 'slowest of 250', 'p99'. */
  label: string
}

/** One claim inside a check. The worst claim decides the check. */
export interface Finding {
  claim: string
  outcome: Outcome
  because: string
  measured?: Measured
  limit?: Limit
  n?: number
  /** What should have been seen, and what was: for claims that are no numbers. */
  wanted?: string
  got?: string
  /** A command that asks the target the same again by hand. Secrets stand in it as variables, never as they are. */
  repeat?: string
  /** What mends this claim, where that is not what mends the whole check. */
  remedy?: string
}

/** Data for a picture that the report draws; it never reads logs itself. */
export type Chart =
  | {
      kind: 'over-time'
      title: string
      unit: string
      /** Seconds since the start of the measured window, value, and what the point was. */
      points: { x: number; y: number; label: string; failed?: boolean }[]
      limit?: { value: number; label: string }
      windows?: { from: number; to: number; label: string }[]
    }
  | {
      kind: 'distribution'
      title: string
      unit: string
      values: number[]
      limit?: { value: number; label: string }
      marks?: { value: number; label: string }[]
    }
  | {
      /** What happened to each of several things at the same time. All times in seconds since its beginning. */
      kind: 'timeline'
      title: string
      /** How long a point stands for. */
      step_s: number
      until_s: number
      lanes: {
        name: string
        /** Where nothing happened there is no point. `latency_ms`: nine of ten within; null: nothing was answered. */
        points: { x: number; ok: number; failed: number; latency_ms: number | null }[]
      }[]
      windows: { from: number; to: number; label: string }[]
      marks: { at: number; label: string }[]
    }

export interface Table {
  title: string
  columns: string[]
  rows: string[][]
  /**
   * Makes it a matrix: the first cell of each row names it, and each other cell carries an outcome beside its words. One list
   * for each row, as long as the row; null where a cell has none.
   */
  outcomes?: (Outcome | null)[][]
}

export interface Verdict {
  outcome: Outcome
  /** Why, with the number, the limit and how many samples. */
  because: string
  measured?: Measured
  limit?: Limit
  n?: number
  /** Through what it was verified. Never more than the run could reach. */
  verifiedBy: Capability[]
  findings: Finding[]
  charts: Chart[]
  tables: Table[]
  /** What stands beside the verdict and decides nothing, a sentence each: the bottlenecks of a load. */
  notes?: string[]
  /** What to do about it: the next step when it failed, what to hand over when it could not be verified. */
  remedy?: string
}

export interface Requirement {
  level: Level
  /** Where the requirement stands, e.g. `E12 §6.1 L1`. */
  source: string
  /** The requirement's own words, or as near as they can be quoted. */
  text: string
}

export interface Load {
  /** At the same time. */
  users: number
  /** Null: as fast as answers come. Whether the bound on its rate held it back is then measured, and judged. */
  requests_per_s: number | null
}

/**
 * Touches the world once; several checks may evaluate what it brought home. `schema` is what the evidence file is held
 * against before anybody judges it.
 */
export interface Gatherer<E> {
  /** Names the evidence folder in the run: `runs/<id>/<gatherer id>/evidence.json`. */
  id: string
  title: string
  schema: TSchema
  needs: Capability[]
  effect: Effect
  /** For `plan`: what it leaves on the target. Said by everything that does more than read. */
  leaves?: string
  /** For `plan`: what does not work meanwhile. Said by everything that disrupts. */
  breaks?: string
  /** Why a target's shape leaves nothing to check, e.g. one process where two are to be parted; undefined: it applies. */
  inapplicableTo?(target: Pick<Target, 'processes'>): string | undefined
  /** What it loads the target with; absent: less than a few users would. Held against the bounds of a target that is not ours. */
  load?(profile: Profile): Load
  /** It works on things of its own and measures no times: it may be gathered beside others that say so too. */
  apart?: true
  /** About how long it takes once the target is up. */
  expected_s(profile: Profile): number
  gather(run: Run): Promise<E>
}

export interface Check<E> {
  id: CheckId
  /** True when it passes. */
  title: string
  /** What a release manager reads in red. */
  failureTitle: string
  requirement: Requirement
  gatherer: Gatherer<E>
  /** Profiles in which this check is part of the plan. */
  profiles: ProfileName[]
  /** Run when it is asked for, and then only: no part of the whole catalogue, so that no GO rests on it. */
  onlyByName?: true
  /** The one place for the check's numbers; keyed by `Limit.name`. */
  limits: Limit[]
  evaluate(evidence: E, limits: Limits, lines?: Lines): Verdict
}

/** The lines that were gathered into a file beside the evidence (`Run.appendLine`), in their order. */
export type Lines = (file: string) => unknown[]

/** The check's limits after the user's overrides, by name. */
export type Limits = Readonly<Record<string, Limit>>
