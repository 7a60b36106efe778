// From the evidence of a fault to its verdict: the histories are read back from their files, what must hold in every run of every
// fault is judged, then what is particular to this one. A fault's own check says only the latter.

import type { Check, Limits, Lines, Requirement, Table, Verdict } from '../../harness/check.ts'
import { verdictOf } from '../../harness/verdict.ts'
import { everyKind, injected, loaded, undisturbed } from './checkers/conduct.ts'
import { type Judgement, of, told } from './checkers/judgement.ts'
import { noLeaks } from './checkers/leaks.ts'
import { ledger } from './checkers/ledger.ts'
import { environmentLocks } from './checkers/locks.ts'
import { queueOrder } from './checkers/queue-order.ts'
import { type Recovery, recoveryOf, type Span } from './checkers/recovery.ts'
import { legalTransitions } from './checkers/transitions.ts'
import { MIX_CLASSES } from './drill.ts'
import type { Episode, FaultEvidence } from './evidence.ts'
import { gapsIn } from './injectors/witness.ts'
import { timelineOf } from './timeline.ts'
import { type Operation, type OperationClass, operationsOf } from './workload/history.ts'

/** An episode with its history. */
export interface Seen {
  episode: Episode
  operations: readonly Operation[]
  /** From the end of the harm on; null in the control run. */
  recovery: Recovery | null
  /** From the request of the fault to the end of what was watched; null in the control run. */
  disturbed: Span | null
  /** Whether the load was made: where it was not, that something was not seen says nothing. */
  loaded: boolean
}

export interface Claims {
  /** Each episode's own. */
  ofEpisode(seen: Seen, limits: Limits): Judgement[]
  /** The number that stands in the check's row. */
  headline?(seen: readonly Seen[], limits: Limits): Parameters<typeof verdictOf>[0]['headline']
  whenPassed(seen: readonly Seen[]): string
  remedy: string
}

/** Kinds of operations without which a run shows too little; rollbacks need a second release, which a short run may not reach. */
const KINDS: readonly OperationClass[] = [...MIX_CLASSES, 'release', 'deploy', 'promotion', 'temp-env', 'health']

export function faultCheck(
  input: Pick<Check<FaultEvidence>, 'id' | 'title' | 'failureTitle' | 'gatherer' | 'profiles' | 'limits'> & {
    requirement: Requirement
    claims: Claims
  },
): Check<FaultEvidence> {
  const { claims, ...check } = input
  return { ...check, evaluate: (evidence, limits, lines = () => []) => evaluate(evidence, limits, lines, claims) }
}

function evaluate(evidence: FaultEvidence, limits: Limits, lines: Lines, claims: Claims): Verdict {
  const control = seenIn(evidence.control, lines)
  const episodes = evidence.episodes.map((episode) => seenIn(episode, lines))
  const all = [control, ...episodes]
  const judged = [
    ...[loaded(control.episode, control.operations), undisturbed(control.operations), ...kept(control)].map((one) =>
      of('control run', one),
    ),
    everyKind(
      all.flatMap(({ operations }) => operations),
      KINDS,
    ),
    ...episodes.flatMap((seen) =>
      [injected(seen.episode), loaded(seen.episode, seen.operations), ...claims.ofEpisode(seen, limits)].map((one) =>
        of(seen.episode.name, one),
      ),
    ),
  ]
  const headline = claims.headline?.(episodes, limits)
  return verdictOf({
    findings: judged.map(({ finding }) => finding),
    whenPassed: claims.whenPassed(episodes),
    ...(headline === undefined ? {} : { headline }),
    verifiedBy: verifiedBy(all),
    charts: episodes.map(({ episode, operations, recovery }) =>
      timelineOf(episode, operations, `What happened while ${episode.fault?.title ?? 'nothing was broken'}`, recovery),
    ),
    tables: [...wrongLines(judged), times(episodes, evidence.election_timeout_ms), loads(all)],
    remedy: claims.remedy,
  })
}

/** What no fault may do: to be among the claims of every one. */
export function kept({ episode, operations }: Seen): Judgement[] {
  const { readings, fresh_write, there_before, states, states_because } = episode
  return [
    ...ledger({ operations, readings, fresh_write, there_before }),
    legalTransitions(states, states_because),
    environmentLocks(states, states_because),
    queueOrder(operations),
    noLeaks(operations, readings),
  ]
}

/** When there was nobody to write to, from the fault on: what a bystander heard of it. */
export function vacancies({ primaries, fault, spans }: Episode): Span[] {
  if (primaries === null || fault === null) return []
  return gapsIn(primaries, spans.settled.to_ms).filter(({ from_ms }) => from_ms >= fault.requested_at_ms)
}

function seenIn(episode: Episode, lines: Lines): Seen {
  const operations = operationsOf(lines(episode.history))
  const { fault, spans } = episode
  const disturbed = fault === null ? null : { from_ms: fault.requested_at_ms, to_ms: spans.settled.to_ms }
  return {
    episode,
    operations,
    recovery: spans.recovery === null ? null : recoveryFrom({ episode, operations }, spans.recovery.from_ms),
    disturbed,
    loaded: loaded(episode, operations).finding.outcome === 'pass',
  }
}

/** Counted from any moment: its harm's end, or its request. */
export function recoveryFrom({ episode, operations }: Pick<Seen, 'episode' | 'operations'>, from_ms: number): Recovery {
  const { baseline, settled } = episode.spans
  return recoveryOf(operations, { baseline, from_ms, until_ms: settled.to_ms, classes: MIX_CLASSES })
}

function verifiedBy(all: readonly Seen[]): Verdict['verifiedBy'] {
  const sources = new Set(all.flatMap(({ episode }) => episode.readings.map(({ source }) => source)))
  return [
    'http',
    ...(sources.has('database') ? (['mongo'] as const) : []),
    ...(sources.has('git') ? (['git-storage'] as const) : []),
  ]
}

const WRONG_LINES_MAX = 12

/** What broke a claim, first of all: a reader begins there. */
function wrongLines(judged: readonly Judgement[]): Table[] {
  const rows = judged
    .filter(({ finding }) => finding.outcome === 'fail')
    .flatMap(({ finding, wrong }) =>
      wrong.slice(0, 3).map((one) => [finding.claim, String(one.id), told(one), one.because ?? '']),
    )
  return rows.length === 0
    ? []
    : [
        {
          title: 'First wrong lines of the history',
          columns: ['claim', 'operation', 'what', 'because'],
          rows: rows.slice(0, WRONG_LINES_MAX),
        },
      ]
}

function times(episodes: readonly Seen[], election_timeout_ms: number | null): Table {
  const seconds = (ms: number | null | undefined) =>
    ms === null || ms === undefined ? '–' : `${(ms / 1_000).toFixed(1)} s`
  const after = (ms: number | null, recovery: Recovery | null) =>
    ms === null ? `more than ${((recovery?.watched_ms ?? 0) / 1_000).toFixed(0)} s` : seconds(ms)
  return {
    title: `Times; after its end: when the first request succeeded, when all went on without a failure, when as fast as before, when what had piled up was worked off${election_timeout_ms === null ? '' : ` (election time-out ${election_timeout_ms} ms)`}`,
    columns: [
      'fault',
      'observed after',
      'over or healed after',
      'end confirmed after',
      'first success',
      'back',
      'stable',
      'drained',
    ],
    rows: episodes.map(({ episode: { fault }, recovery }) => {
      const since = (moment: number | null | undefined) =>
        fault === null || moment === null || moment === undefined ? '–' : seconds(moment - fault.requested_at_ms)
      return [
        fault?.title ?? 'none',
        since(fault?.observed_at_ms),
        since(fault?.over_at_ms ?? fault?.healed_at_ms),
        since(fault?.confirmed_at_ms),
        ...(['first_success_ms', 'back_ms', 'stable_ms', 'drained_ms'] as const).map((name) =>
          after(recovery?.[name] ?? null, recovery),
        ),
      ]
    }),
  }
}

function loads(all: readonly Seen[]): Table {
  return {
    title: 'Load',
    columns: [
      'run',
      'operations',
      'acknowledged',
      'refused',
      'unknown',
      'begun late by at most',
      'not begun',
      'stories',
    ],
    rows: all.map(({ episode, operations }) => {
      const count = (type: Operation['type']) => String(operations.filter((one) => one.type === type).length)
      const { load } = episode
      const held = Object.values(load.held_back).reduce((sum, one) => sum + one, 0)
      const done = load.stories.filter(({ abandoned }) => abandoned === null).length
      return [
        episode.name,
        String(operations.length),
        count('ok'),
        count('fail'),
        count('info'),
        `${load.lag_ms_max.toFixed(0)} ms`,
        String(held),
        `${done} of ${load.stories.length} came to their end`,
      ]
    }),
  }
}
