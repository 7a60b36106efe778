// Claims that suites share, each pure: records in, one finding out. A refusal counts only beside a control: the same door, opened
// by the right key.

import type { Finding, Outcome } from '../../harness/check.ts'
import { curlOf, type Probe } from './probe.ts'

/**
 * What an answer comes to, by its status alone:
 * - `limited`: too many requests; says nothing about the door.
 * - `broken`: an error of the server, or a redirect: neither refused nor let in.
 * - `silent`: no answer.
 */
export type Reception = 'let in' | 'refused' | 'limited' | 'broken' | 'silent'

export function receptionOf({ status }: Pick<Probe, 'status'>): Reception {
  if (status === 0) return 'silent'
  if (status >= 200 && status <= 299) return 'let in'
  if (status === 429) return 'limited'
  return status >= 400 && status <= 499 && status !== 408 ? 'refused' : 'broken'
}

export const MEANING: Readonly<Record<Reception, string>> = {
  'let in': 'let in',
  refused: 'refused',
  limited: 'limited',
  broken: 'neither refused nor let in',
  silent: 'no answer',
}

/** How a claim is told: what was wanted, what came, and how to ask it again. */
export function told(
  probe: Probe,
  wanted: string,
  remedy?: string,
): Pick<Finding, 'wanted' | 'got' | 'repeat' | 'remedy'> {
  return { wanted, got: probe.said, repeat: curlOf(probe), ...(remedy === undefined ? {} : { remedy }) }
}

/** That the right key opens the door. One that does not makes every refusal beside it worthless, and says nothing else. */
export function controlFinding(claim: string, control: Probe | undefined): Finding {
  if (control === undefined) return { claim, outcome: 'not-verified', because: 'it was not tried' }
  const opened = receptionOf(control) === 'let in'
  return {
    claim,
    outcome: opened ? 'pass' : 'not-verified',
    because: opened ? control.said : `${control.as} was to be let in: ${control.said}`,
    n: 1,
    ...(opened ? {} : told(control, 'let in (2xx)')),
  }
}

/**
 * That a request is refused which its control shows to be a good one. `changed`: what was seen to have changed after it; a
 * refusal after which something has changed is none.
 */
export function refusedFinding(input: {
  claim: string
  probe: Probe | undefined
  control: Probe | undefined
  changed?: readonly string[]
  wanted?: string
  remedy: string
}): Finding {
  const { claim, probe, control, changed = [], wanted = 'refused (4xx), and nothing changed', remedy } = input
  if (probe === undefined) return { claim, outcome: 'not-verified', because: 'it was not tried' }
  const finding = (outcome: Outcome, because: string): Finding => ({
    claim,
    outcome,
    because,
    n: 1,
    ...(outcome === 'pass' ? {} : told(probe, wanted, remedy)),
  })
  const reception = receptionOf(probe)
  if (reception === 'let in') return finding('fail', `${probe.as} was let in: ${probe.said}`)
  if (changed.length > 0) {
    return finding('fail', `${probe.as} was answered ${probe.said}, and yet it changed: ${changed.join(', ')}`)
  }
  if (reception !== 'refused') return finding('not-verified', `${MEANING[reception]}: ${probe.said}`)
  if (control === undefined || receptionOf(control) !== 'let in') {
    return finding(
      'not-verified',
      `refused, but the control does not open either: ${control === undefined ? 'it was not tried' : `${control.as} got ${control.said}`}`,
    )
  }
  return finding('pass', `${probe.said}; ${control.as}: ${control.said}`)
}

/** One claim about many: the worst decides, and its own words are given. All passing, they are counted. */
export function together(claim: string, findings: readonly Finding[]): Finding {
  const [first] = findings
  if (first === undefined) return { claim, outcome: 'not-verified', because: 'nothing was tried' }
  for (const outcome of ['fail', 'not-verified'] as const) {
    const bad = findings.filter((finding) => finding.outcome === outcome)
    const [worst] = bad
    if (worst === undefined) continue
    const because = bad.length === 1 ? worst.because : `${bad.length} of ${findings.length}, first: ${worst.because}`
    return { ...worst, claim, because, n: findings.length }
  }
  const applicable = findings.filter(({ outcome }) => outcome === 'pass')
  if (applicable.length === 0) return { ...first, claim }
  return { claim, outcome: 'pass', because: `${applicable.length} of ${applicable.length}`, n: applicable.length }
}
