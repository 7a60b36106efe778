// The picture and the table beside L6's verdict.

import type { Chart, Table } from '../../harness/check.ts'
import { ascending, percentile } from '../../harness/statistics.ts'
import type { DeploymentRequest, DeploymentsEvidence } from './evidence.ts'
import { took_ms } from './ledger.ts'

/** From being accepted to the end of each; how long the harness held them is part of it, and said. */
export function deploymentChart({ together, deployments }: DeploymentsEvidence): Chart[] {
  const byId = new Map(deployments.map((deployment) => [deployment.id, deployment]))
  const points = together.requests.flatMap(({ deployment_id, started_ms }) => {
    const deployment = byId.get(deployment_id ?? '')
    const took = deployment === undefined ? null : took_ms(deployment)
    return deployment === undefined || took === null
      ? []
      : [{ x: started_ms / 1_000, y: took, label: `${deployment.id}: ${deployment.state} after ${took} ms` }]
  })
  const held = together.held_ms > 0 ? `, held for ${together.held_ms} ms until all were accepted` : ''
  return points.length === 0
    ? []
    : [{ kind: 'over-time', title: `Deployments at once, from accepted to ended${held}`, unit: 'ms', points }]
}

export function deploymentTable({ together, race, deployments, effects }: DeploymentsEvidence): Table {
  const won = race.requests.filter(({ deployment_id }) => deployment_id !== null).length
  return {
    title: 'Figures',
    columns: ['What', 'Measured'],
    rows: [
      ['Answers to deployments at once', durations(together.requests)],
      ['Held until all were answered', together.held ? `${together.held_ms} ms` : 'no: any of them could end before'],
      ['Answers in the race', durations(race.requests)],
      [
        'Race',
        `${won} of ${race.requests.length} got the environment; all asked within ${spread_ms(race.requests)} ms`,
      ],
      ['Deployments in all', String(deployments.length)],
      [
        'Deploy commands that began',
        effects === null ? 'out of reach' : String(effects.rows.filter(({ phase }) => phase === 'begin').length),
      ],
    ],
  }
}

function durations(requests: readonly DeploymentRequest[]): string {
  if (requests.length === 0) return 'none'
  const sorted = ascending(requests.map(({ duration_ms }) => duration_ms))
  return `median ${percentile(sorted, 0.5).toFixed(0)} ms, slowest ${sorted.at(-1)!.toFixed(0)} ms (n = ${requests.length})`
}

function spread_ms(requests: readonly DeploymentRequest[]): number {
  const starts = requests.map(({ started_ms }) => started_ms)
  return starts.length === 0 ? 0 : Math.max(...starts) - Math.min(...starts)
}
