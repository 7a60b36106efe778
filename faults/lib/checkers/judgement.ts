// A claim that was judged on a history, with the operations that broke it: a reader asks first for those.

import type { Finding } from '../../../harness/check.ts'
import type { Operation } from '../workload/history.ts'

export interface Judgement {
  finding: Finding
  /** In the order of the history. Empty where it was not an operation that broke it. */
  wrong: readonly Operation[]
}

export function passed(claim: string, because: string, n?: number): Judgement {
  return { finding: { claim, outcome: 'pass', because, ...(n === undefined ? {} : { n }) }, wrong: [] }
}

export function unverified(claim: string, because: string, n?: number): Judgement {
  return { finding: { claim, outcome: 'not-verified', because, ...(n === undefined ? {} : { n }) }, wrong: [] }
}

export function inapplicable(claim: string, because: string): Judgement {
  return { finding: { claim, outcome: 'not-applicable', because }, wrong: [] }
}

export function failed(claim: string, because: string, wrong: readonly Operation[] = [], n?: number): Judgement {
  return { finding: { claim, outcome: 'fail', because, ...(n === undefined ? {} : { n }) }, wrong }
}

/** A claim about many operations, broken by those that are given; of none it says nothing. */
export function none(claim: string, wrong: readonly Operation[], harm: string, n: number): Judgement {
  if (wrong.length > 0) return failed(claim, `${wrong.length} of ${n} ${harm}, first ${told(wrong[0]!)}`, wrong, n)
  return n === 0 ? unverified(claim, 'there was nothing to look at', n) : passed(claim, `0 of ${n}`, n)
}

/** An operation in a few words, for the end of a sentence. */
export function told({ f, key, id, invoked_ms, status, code }: Operation): string {
  const answer = status === 0 ? 'no answer' : `HTTP ${status}${code === null ? '' : ` ${code}`}`
  return `${f}${key === null ? '' : ` ${key}`} (operation ${id} at ${(invoked_ms / 1_000).toFixed(1)} s, ${answer})`
}

/** The same claim, said of one of several episodes. */
export function of(episode: string, { finding, wrong }: Judgement): Judgement {
  return {
    finding: { ...finding, claim: `${episode}: ${finding.claim}`, because: `${episode}: ${finding.because}` },
    wrong,
  }
}

/** From here on other programs on this machine may be why something took too long. */
const OTHER_SHARE_MAX = 0.5

/** For claims about time: what a busy machine may have done is not held against the target. */
export function unlessBusy(judged: Judgement, other_share_max: number | null): Judgement {
  if (judged.finding.outcome !== 'fail' || other_share_max === null || other_share_max <= OTHER_SHARE_MAX) return judged
  const others = `other programs took up to ${(other_share_max * 100).toFixed(0)} % of this machine's processors meanwhile`
  const because = `${judged.finding.because}, but ${others}`
  return { ...judged, finding: { ...judged.finding, outcome: 'not-verified', because } }
}
