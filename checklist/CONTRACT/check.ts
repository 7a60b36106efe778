// CONTRACT: the product flow works once, and the answers are the contract's. Pure: evidence in, verdict out.

import type { Check, Finding } from '../../harness/check.ts'
import { verdictOf } from '../../harness/verdict.ts'
import type { ContractEvidence, Difference, TakenStep } from './evidence.ts'
import { contractGatherer, MARKS } from './gather.ts'
import { ROWS } from './rows.ts'

interface Differing extends Difference {
  step: TakenStep
}

export const contract: Check<ContractEvidence> = {
  id: 'CONTRACT',
  title: 'The whole product flow works, as the contract says',
  failureTitle: 'A step of the product flow does not work, or is not as the contract says',
  requirement: {
    level: 'SHOULD',
    source: 'http-api, chapters 5 and 6',
    text: 'from the first login to a rollback and a temporary environment everything works, with answers as specified. Every MUST in it has a check of its own: this one shows where a client stands, and never blocks',
  },
  gatherer: contractGatherer,
  profiles: ['smoke', 'standard', 'golive'],
  limits: [],
  evaluate({ steps }) {
    const flow = steps.filter((step) => step.of_flow)
    const reached = flow.filter((step) => step.reached)
    const differing = steps.flatMap((step) => step.differences.map((difference) => ({ ...difference, step })))
    return verdictOf({
      findings: [flowFinding(flow, reached), ...besideFindings(steps), ...differing.map(differenceFinding)],
      whenPassed: `all ${flow.length} steps of the flow worked, ${howItDiffers(steps)}`,
      headline: { measured: { value: reached.length, unit: 'steps', label: `of ${flow.length}` }, n: flow.length },
      verifiedBy: ['http', 'repositories'],
      tables: [
        {
          title: 'Differences from the contract',
          columns: ['Row', 'Topic', 'Step', 'Wanted', 'Got'],
          rows: differing.map(({ id, step, wanted, got }) => [id, topicOf(id), step.name, wanted, got]),
        },
        {
          title: 'Step by step',
          columns: ['', 'Step', 'Request', 'Status', 'ms', 'Remark'],
          rows: steps.map(rowOf),
        },
      ].filter(({ rows }) => rows.length > 0),
      remedy:
        'begin with the first step that did not work: what stands on it was skipped. A MUST that differs has a check of its own, which says more',
    })
  },
}

function flowFinding(flow: readonly TakenStep[], reached: readonly TakenStep[]): Finding {
  const claim = 'every step of the flow works'
  if (flow.length === 0) return { claim, outcome: 'not-verified', because: 'no step was taken', n: 0 }
  if (reached.length === flow.length)
    return { claim, outcome: 'pass', because: `all ${flow.length} worked`, n: flow.length }
  const missed = flow.filter((step) => !step.reached)
  const tried = missed.filter((step) => step.outcome !== 'skipped')
  // None was tried where the target fell silent beside the flow: the first skipped step says that.
  const stopped = tried.length > 0 ? tried : missed.slice(0, 1)
  const skipped = missed.length - stopped.length
  const told = stopped.map(
    ({ name, outcome, because }) =>
      `‘${name}’ ${outcome === 'skipped' ? 'could not be taken' : 'did not work'}: ${because ?? outcome}`,
  )
  return {
    claim,
    outcome: 'fail',
    because: [
      ...told,
      ...(skipped === 0 ? [] : [`${skipped} later ${skipped === 1 ? 'step' : 'steps'} could not be taken`]),
    ].join('; '),
    n: flow.length,
  }
}

/**
 * Half a sentence about everything that was looked at: `and 2 answers differ from the contract`. What was not seen is said
 * in it: of that nobody knows whether it differs.
 */
export function howItDiffers(steps: readonly TakenStep[]): string {
  const differing = steps.flatMap((step) => step.differences).length
  const unseen = steps.filter((step) => !step.of_flow && !step.reached).length
  return [
    differing === 0
      ? 'and nothing that was seen differs from the contract'
      : `and ${differing} ${differing === 1 ? 'answer differs' : 'answers differ'} from the contract`,
    ...(unseen === 0 ? [] : [`${unseen} ${unseen === 1 ? 'step' : 'steps'} beside the flow could not be taken`]),
  ].join('; ')
}

/** Beside the flow, too: what was not answered was not seen to be as the contract says, and what went wrong is told. */
function besideFindings(steps: readonly TakenStep[]): Finding[] {
  return steps
    .filter((step) => !step.of_flow && !step.reached && step.outcome !== 'skipped')
    .map(({ name, outcome, because }) => {
      const why = because ?? 'no reason is known'
      return outcome === 'no answer'
        ? { claim: `‘${name}’ is answered`, outcome: 'not-verified', because: `‘${name}’ was not answered: ${why}` }
        : {
            claim: `‘${name}’ works`,
            outcome: 'not-applicable',
            because: `‘${name}’ did not work: ${why}; noted, no condition here`,
          }
    })
}

function differenceFinding(differing: Differing): Finding {
  const { id, step, wanted, got } = differing
  const said = `${id}, ${step.name}: wanted ${wanted}, got ${got}`
  return isDemanded(differing)
    ? { claim: `${id}: ${topicOf(id)}`, outcome: 'fail', because: said }
    : { claim: `${id}: ${topicOf(id)}`, outcome: 'not-applicable', because: `${said}; noted, no condition here` }
}

/** Demanded by the contract, of a step that users take. What is only tried to see it refused has checks of its own. */
function isDemanded({ id, step }: Differing): boolean {
  return step.of_flow && ROWS[id]?.demand === 'spec'
}

function topicOf(id: string): string {
  return ROWS[id]?.topic ?? ''
}

function rowOf(step: TakenStep): string[] {
  return [
    MARKS[step.outcome],
    step.name,
    step.method === null ? '' : `${step.method} ${step.route}`,
    step.status === null ? '' : step.status === 0 ? 'none' : String(step.status),
    step.duration_ms === null ? '' : step.duration_ms.toFixed(0),
    step.because ?? step.differences.map(({ id }) => id).join(', '),
  ]
}
