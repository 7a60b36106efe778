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

/** What programs that are no part of the run took of all cores, second by second; empty where it is not known. */
export type OtherLoad = readonly { from_ms: number; to_ms: number; share: number }[]

/** From here on other programs on this machine may be why something took too long. */
const OTHER_SHARE_MAX = 0.5

/**
 * For claims about time: what a busy machine may have done is not held against the target. An operation is excused when the
 * machine was busy while it lasted; where no operation broke the claim, it is when the machine was busy for half of the time.
 */
export function unlessBusy(
  judged: Judgement,
  load: OtherLoad,
  { from_ms, to_ms }: { from_ms: number; to_ms: number },
): Judgement {
  const { finding, wrong } = judged
  if (finding.outcome !== 'fail') return judged
  const isBusy = wrong.length > 0 ? wrong.every((one) => touches(load, one)) : busyHalf(load, from_ms, to_ms)
  if (!isBusy) return judged
  const share = Math.max(...load.filter((slice) => overlaps(slice, from_ms, to_ms)).map((slice) => slice.share))
  const others = `other programs took up to ${(share * 100).toFixed(0)} % of this machine's processors meanwhile`
  return { wrong, finding: { ...finding, outcome: 'not-verified', because: `${finding.because}, but ${others}` } }
}

function overlaps(slice: OtherLoad[number], from_ms: number, to_ms: number): boolean {
  return slice.to_ms >= from_ms && slice.from_ms <= to_ms
}

function touches(load: OtherLoad, { invoked_ms, ended_ms }: Operation): boolean {
  return load.some(
    (slice) => slice.share > OTHER_SHARE_MAX && overlaps(slice, invoked_ms, ended_ms ?? Number.POSITIVE_INFINITY),
  )
}

function busyHalf(load: OtherLoad, from_ms: number, to_ms: number): boolean {
  const during = load.filter((slice) => overlaps(slice, from_ms, to_ms))
  return during.length > 0 && during.filter(({ share }) => share > OTHER_SHARE_MAX).length * 2 >= during.length
}
