// L6: ten deployments at once, and fifty that race for one environment. Pure: evidence in, verdicts out.

import type { Check, Finding, Limit, Limits } from '../../harness/check.ts'
import { keeps, verdictOf } from '../../harness/verdict.ts'
import { asPlanned, noneFinding, statuses, throttledFinding } from '../lib/claims.ts'
import type { DeploymentRequest, DeploymentsEvidence } from './evidence.ts'
import { deploymentsGatherer } from './gather.ts'
import {
  begun,
  effectsTogether,
  incomplete,
  notOnce,
  overlaps,
  strayEffects,
  surelyApart,
  surelyTogether,
  unasked,
  undated,
  wereTogether,
  wrongJobs,
} from './ledger.ts'
import { L6_LIMITS } from './limits.ts'
import { deploymentChart, deploymentTable } from './pictures.ts'

export const concurrentDeployments: Check<DeploymentsEvidence> = {
  id: 'L6',
  title: 'Deployments at the same time each happen once, and never two in one environment',
  failureTitle: 'Deployments at the same time fail, happen twice, or meet in one environment',
  requirement: {
    level: 'MUST',
    source: 'E12 §6.1 L6',
    text: '10 concurrent deployments, different environments of different apps: each completes, locks hold, no double deploy',
  },
  gatherer: deploymentsGatherer,
  profiles: ['smoke', 'standard', 'golive'],
  limits: L6_LIMITS,
  evaluate(evidence, limits) {
    const { together, race, effects } = evidence
    const accepted = together.requests.filter(isAccepted).length
    const won = race.requests.filter(isAccepted).length
    return verdictOf({
      findings: [
        planFinding(evidence, limits),
        throttledFinding([...together.requests, ...race.requests].filter(({ status }) => status === 429).length),
        acceptedFinding(evidence),
        togetherFinding(evidence),
        ...outcomeFindings(evidence),
        ...raceFindings(evidence, limits),
        afterwardsFinding(evidence),
        lockFinding(evidence, limits),
        ...effectFindings(evidence),
      ],
      whenPassed: `${accepted} deployments at once and ${won} of ${race.requests.length} that raced for an environment all succeeded, each by one job; ${effects === null ? 'that each was carried out once was not looked at, for what their commands do is out of reach' : 'each was carried out exactly once'}; no environment had two at a time`,
      headline: {
        measured: { value: accepted, unit: 'deployments', label: 'at once, each done once' },
        limit: limits.deployments_min!,
        n: begun(evidence).length,
      },
      verifiedBy: effects === null ? ['http'] : ['http', 'effects'],
      charts: deploymentChart(evidence),
      tables: [deploymentTable(evidence)],
      remedy:
        evidence.missing.length > 0
          ? `it could not be made as specified; it lacks ${evidence.missing.join('; ')}`
          : effects === null
            ? 'read requests, deployments and jobs in evidence.json. Deployments that take some seconds (CONMAN_DEPLOY_RELEASE_CMD="sleep 10" on the target) are under way together for sure; with CONMAN_SERVER_CMD what their commands really do is seen as well'
            : 'read requests, deployments, jobs and effects in evidence.json by the ids above',
    })
  },
}

const isAccepted = ({ deployment_id }: DeploymentRequest) => deployment_id !== null

function planFinding({ sites, race, missing }: DeploymentsEvidence, limits: Limits): Finding {
  const complaints: string[] = []
  const few = (value: number, limit: Limit) => {
    if (!keeps(value, limit)) complaints.push(`${value} ${limit.unit} instead of ${limit.value}`)
  }
  few(sites.length, limits.deployments_min!)
  few(race.requests.length, limits.racing_min!)
  const because = `${sites.length} environments of as many apps, and ${race.requests.length} requests for one of them`
  return asPlanned([...complaints, ...missing], because, sites.length)
}

function acceptedFinding({ together }: DeploymentsEvidence): Finding {
  const claim = 'deployments to different environments do not stand in one another’s way: all are accepted'
  const n = together.requests.length
  const refused = together.requests.filter((request) => !isAccepted(request) && request.status !== 429)
  if (refused.length > 0) {
    return {
      claim,
      outcome: 'fail',
      because: `${refused.length} of ${n} deployments at once were not accepted: ${statuses(refused)}, first ${refused[0]!.error}`,
      n,
    }
  }
  const accepted = together.requests.filter(isAccepted).length
  return accepted === n && n > 0
    ? { claim, outcome: 'pass', because: `${n} of ${n}`, n }
    : { claim, outcome: 'not-verified', because: `${accepted} of ${n} were accepted`, n }
}

/** One after the other they would show nothing of locks. */
function togetherFinding(evidence: DeploymentsEvidence): Finding {
  const { together, deployments } = evidence
  const claim = 'they were under way at the same time'
  const ids = new Set(together.requests.flatMap(({ deployment_id }) => deployment_id ?? []))
  const n = ids.size
  if (together.held) {
    return { claim, outcome: 'pass', because: `none could end before all were answered (${together.held_ms} ms)`, n }
  }
  const were = wereTogether(deployments.filter(({ id }) => ids.has(id)))
  return were === true
    ? { claim, outcome: 'pass', because: 'the last was accepted before the first had ended', n }
    : {
        claim,
        outcome: 'not-verified',
        because:
          were === null
            ? 'the deployments do not say when they were made and ended'
            : 'the first had ended before the last was accepted, and the harness cannot hold them here',
        n,
      }
}

function outcomeFindings(evidence: DeploymentsEvidence): Finding[] {
  const all = begun(evidence)
  return [
    noneFinding('each deployment completes', incomplete(evidence), 'deployments did not complete', all.length),
    noneFinding(
      'nothing is deployed that nobody was told of',
      unasked(evidence),
      'deployments were made without an answer that says so',
      evidence.deployments.length,
    ),
    noneFinding(
      'each deployment has one job, which succeeds once',
      wrongJobs(evidence),
      'deployments do not have exactly one job that succeeded',
      evidence.deployments.filter(({ state }) => state === 'succeeded').length,
    ),
  ]
}

function raceFindings(evidence: DeploymentsEvidence, limits: Limits): Finding[] {
  const { race } = evidence
  const n = race.requests.length
  const others = race.requests.filter(
    (request) => !isAccepted(request) && request.status !== 409 && request.status !== 429,
  )
  const refused = race.requests.filter(({ status }) => status === 409).length
  return [
    { claim: 'of all who want an environment at once exactly one gets it', n, ...raceOutcome(evidence, limits) },
    {
      claim: 'all others are refused with 409',
      outcome: others.length > 0 ? 'fail' : refused > 0 ? 'pass' : 'not-verified',
      because:
        others.length > 0
          ? `${others.length} of ${n} were neither accepted nor refused with 409: ${statuses(others)}`
          : `${refused} of ${n} were refused with 409`,
      n,
    },
  ]
}

function raceOutcome(evidence: DeploymentsEvidence, limits: Limits): Pick<Finding, 'outcome' | 'because'> {
  const { race, deployments } = evidence
  const winners = race.requests.filter(isAccepted)
  const n = race.requests.length
  if (!race.was_free) return { outcome: 'not-verified', because: 'the environment was still taken when the race began' }
  if (winners.length === 1) return { outcome: 'pass', because: `1 of ${n}` }
  if (winners.length === 0) {
    const refused = race.requests.filter(({ status }) => status === 409).length
    return refused === n && n > 0
      ? { outcome: 'fail', because: `none of ${n} got the environment, though it was free: ${race.requests[0]!.error}` }
      : {
          outcome: 'not-verified',
          because: `none of ${n} got the environment, and ${n - refused} were not refused with 409`,
        }
  }
  const byId = new Map(deployments.map((deployment) => [deployment.id, deployment]))
  const listed = winners.flatMap(({ deployment_id, duration_ms }) => {
    const deployment = byId.get(deployment_id!)
    return deployment === undefined ? [] : [{ deployment, duration_ms }]
  })
  const clocks = evidence.one_clock ? 0 : limits.clocks_apart_ms_max!.value
  if (race.held || surelyTogether(listed, clocks)) {
    return { outcome: 'fail', because: `${winners.length} of ${n} got the environment at the same time` }
  }
  const because = `${winners.length} of ${n} got the environment, and each`
  return listed.length === winners.length && surelyApart(listed, clocks)
    ? { outcome: 'pass', because: `${because} only when the one before it had ended` }
    : {
        outcome: 'not-verified',
        because: `${because} may have ended before the next began: the harness cannot hold deployments here`,
      }
}

function afterwardsFinding({ afterwards, deployments }: DeploymentsEvidence): Finding {
  const claim = 'once it is over the environment can be deployed to again'
  if (afterwards === null || afterwards.status === 429) {
    return { claim, outcome: 'not-verified', because: 'it was not asked for, or a rate limit refused it' }
  }
  const state = deployments.find(({ id }) => id === afterwards.deployment_id)?.state
  return state === 'succeeded'
    ? { claim, outcome: 'pass', because: 'the next deployment succeeded', n: 1 }
    : {
        claim,
        outcome: 'fail',
        because: `the next deployment is ${state ?? 'not there'}${afterwards.error === '' ? '' : `: ${afterwards.error}`}`,
        n: 1,
      }
}

function lockFinding({ deployments, one_clock }: DeploymentsEvidence, limits: Limits): Finding {
  const claim = 'no environment has two deployments that run at the same time'
  const { pairs, found } = overlaps(deployments)
  const limit = limits.clocks_apart_ms_max!
  const sure = found.filter(({ ms }) => one_clock || !keeps(ms, limit))
  const finding = noneFinding(
    claim,
    sure.map(({ what }) => what),
    'pairs of deployments ran at the same time in one environment',
    pairs,
  )
  if (finding.outcome === 'fail') return finding
  const dateless = undated(deployments)
  if (found.length > 0) {
    return {
      ...finding,
      outcome: 'not-verified',
      because: `${found[0]!.what}, which clocks that are apart may explain`,
    }
  }
  return dateless.length > 0
    ? {
        ...finding,
        outcome: 'not-verified',
        because: `of ${dateless.length} deployments it is not known when they ran, first ${dateless[0]}`,
      }
    : finding
}

function effectFindings(evidence: DeploymentsEvidence): Finding[] {
  const { effects, deployments } = evidence
  if (effects === null) return []
  const claim = 'each deployment that succeeded was carried out exactly once'
  const n = deployments.filter(({ state }) => state === 'succeeded').length
  if (effects.rows.length === 0 || effects.unreadable > 0) {
    return [
      {
        claim,
        outcome: 'not-verified',
        because:
          effects.unreadable > 0
            ? `${effects.unreadable} lines of the ledger of effects cannot be read`
            : 'the deploy command was never run: does the program know CONMAN_DEPLOY_RELEASE_CMD?',
        n,
      },
    ]
  }
  return [
    noneFinding(claim, notOnce(evidence, effects), 'deployments were not carried out exactly once', n),
    noneFinding(
      'whatever is carried out is a deployment of the list, in its place',
      strayEffects(evidence, effects),
      'deployments were carried out that the lists do not have so',
      effects.rows.filter(({ phase }) => phase === 'begin').length,
    ),
    noneFinding(
      'no two are carried out in one environment at the same time',
      effectsTogether(effects),
      'deployments were carried out beside another in the same environment',
      effects.rows.filter(({ phase }) => phase === 'begin').length,
    ),
  ]
}
