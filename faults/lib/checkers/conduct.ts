// What must hold before any claim about a fault means something: the fault was there and ended, the load was made, and without a
// fault all is well. And what a fault leaves of the processes, and of the time that it took.

import type { Limit } from '../../../harness/check.ts'
import type { Episode } from '../evidence.ts'
import { hasFailed, type Operation, type OperationClass } from '../workload/history.ts'
import { failed, inapplicable, type Judgement, none, passed, unlessBusy, unverified } from './judgement.ts'
import { inSpan, type Recovery, type Span } from './recovery.ts'

/** Of what the rates make in as long a time: a machine that is too busy makes fewer, and then the phase says nothing. */
const SHARE_MIN = 0.4
/** A phase that is too short for even two of a class is not held against it. */
const EXPECTED_MIN = 2

export function injected({ fault }: Episode): Judgement {
  const claim = 'the fault was seen to happen and to end'
  if (fault === null) return passed(claim, 'no fault was injected')
  if (fault.observed_at_ms === null) return unverified(claim, `${fault.title}: ${fault.unobserved_because}`)
  if (fault.confirmed_at_ms === null) return unverified(claim, `${fault.title}: ${fault.unconfirmed_because}`)
  return passed(claim, [...new Set([...fault.observed, ...fault.confirmed])].join('; '))
}

/** As many operations of each class in each phase as it takes to say something about it. */
export function loaded({ load, spans }: Episode, operations: readonly Operation[]): Judgement {
  const claim = 'the load was made, in every phase'
  const n = operations.length
  if (load.throttled > 0) {
    return unverified(
      claim,
      `${load.throttled} answers were 429: a rate limit of the target kept the load from being made`,
      n,
    )
  }
  const lacking: string[] = []
  for (const [phase, span] of Object.entries(spans)) {
    if (span === null) continue
    for (const [name, rate] of Object.entries(load.rates)) {
      const expected = (rate * (span.to_ms - span.from_ms)) / 1_000
      const begun = inSpan(operations, span).filter((one) => one.class === name).length
      if (expected >= EXPECTED_MIN && begun < Math.max(1, expected * SHARE_MIN)) {
        lacking.push(`${begun} of ${expected.toFixed(0)} operations of ${name} in the phase ${phase}`)
      }
    }
  }
  return lacking.length > 0
    ? unverified(
        claim,
        `the load was not made as planned: ${lacking[0]}${lacking.length > 1 ? ` and ${lacking.length - 1} more` : ''}`,
        n,
      )
    : passed(claim, `${n} operations`, n)
}

/** Of each kind at least one succeeded, in all episodes together: a kind that never did shows nothing of it. */
export function everyKind(operations: readonly Operation[], classes: readonly OperationClass[]): Judgement {
  const claim = 'every kind of operation took part'
  const missing = classes.filter((name) => !operations.some((one) => one.class === name && one.type === 'ok'))
  return missing.length > 0
    ? unverified(claim, `no operation of ${missing.join(', ')} succeeded in the whole run`, operations.length)
    : passed(claim, classes.join(', '), operations.length)
}

/** What fails without a fault is not the fault's doing, and nothing that fails with it would be. */
export function undisturbed(operations: readonly Operation[]): Judgement {
  const claim = 'without a fault everything succeeds'
  // Real has no list of the queue.
  const broken = operations.filter((one) => hasFailed(one) && !(one.f === 'list-queue' && one.status === 404))
  const { finding, wrong } = none(claim, broken, 'operations failed without a fault', operations.length)
  // It is another check's to blame the target for that; here it only means that the fault cannot be judged.
  return { finding: finding.outcome === 'fail' ? { ...finding, outcome: 'not-verified' } : finding, wrong }
}

/** Conman's own processes are the ones that were there before. */
export function survived({ processes }: Episode): Judgement {
  const claim = 'no process of it ended'
  // Elsewhere its answers tell it: one that ends breaks its connections, and refuses new ones until it is there again.
  if (processes === null)
    return inapplicable(claim, 'its processes cannot be seen; that it goes on answering stands for it')
  const changed = processes.before.filter(
    (before) =>
      !processes.after.some(({ name, pid, running }) => name === before.name && pid === before.pid && running),
  )
  return changed.length > 0
    ? failed(claim, `${changed.map(({ name, pid }) => `${name} (process ${pid})`).join(', ')} did not survive`)
    : passed(
        claim,
        processes.before.map(({ name, pid }) => `${name} is still process ${pid}`).join(', '),
        processes.before.length,
      )
}

/** In seconds, to what a stretch of operations can tell. */
export function tenths(ms: number): number {
  return Math.round(ms / 100) / 10
}

/** `since`: what is counted from, as the end of ‘… s after’. */
export function recovered(
  claim: string,
  { back_ms, watched_ms }: Pick<Recovery, 'back_ms' | 'watched_ms'>,
  limit: Limit,
  since: string,
  { episode, disturbed, loaded }: { episode: Pick<Episode, 'other_load'>; disturbed: Span | null; loaded: boolean },
): Judgement {
  const finding = { claim, limit }
  if (back_ms !== null && back_ms <= limit.value) {
    const measured = { value: tenths(back_ms), unit: 's', label: `back after ${since}` }
    const because = `back ${(back_ms / 1_000).toFixed(1)} s after ${since}, limit ${limit.value / 1_000} s`
    return { finding: { ...finding, outcome: 'pass', because, measured }, wrong: [] }
  }
  const took = back_ms === null ? `more than ${(watched_ms / 1_000).toFixed(0)} s` : `${(back_ms / 1_000).toFixed(1)} s`
  const because = `it took ${took} after ${since} to be back, limit ${limit.value / 1_000} s`
  const unknown = !loaded
    ? 'and the load was not made that would have shown it'
    : back_ms === null && watched_ms < limit.value
      ? 'and nobody watched for as long'
      : undefined
  return unknown !== undefined
    ? { finding: { ...finding, outcome: 'not-verified', because: `${because}, ${unknown}` }, wrong: [] }
    : unlessBusy(
        { finding: { ...finding, outcome: 'fail', because }, wrong: [] },
        episode.other_load,
        disturbed ?? { from_ms: 0, to_ms: 0 },
      )
}
