// What was asked for against what was done: pure. Deployments, their jobs and their effects, each in words.

import type { DeploymentsEvidence } from './evidence.ts'

type Deployment = DeploymentsEvidence['deployments'][number]
type Effects = NonNullable<DeploymentsEvidence['effects']>

/** Ids of all deployments that the target said it had begun. */
export function begun({ first, together, race, afterwards }: DeploymentsEvidence): string[] {
  const requests = [...together.requests, ...race.requests, ...(afterwards === null ? [] : [afterwards])]
  return [...first, ...requests.flatMap(({ deployment_id }) => deployment_id ?? [])]
}

/** Begun, and not there, or not come to its end, or there as another one. */
export function incomplete(evidence: DeploymentsEvidence): string[] {
  const releases = new Map(evidence.sites.map(({ environment_id, release_id }) => [environment_id, release_id]))
  const byId = new Map(evidence.deployments.map((deployment) => [deployment.id, deployment]))
  return begun(evidence).flatMap((id) => {
    const deployment = byId.get(id)
    if (deployment === undefined) return [`${id}, which no list has`]
    if (deployment.state !== 'succeeded') return [`${id}, which is ${deployment.state}`]
    return deployment.release_id === releases.get(deployment.environment_id)
      ? []
      : [`${id}, which brought another release`]
  })
}

/** In the lists, and asked for by nobody who was told of it. */
export function unasked(evidence: DeploymentsEvidence): string[] {
  const known = new Set(begun(evidence))
  return evidence.deployments.filter(({ id }) => !known.has(id)).map(({ id, state }) => `${id}, which is ${state}`)
}

/** Deployments that do not have exactly one job that succeeded. */
export function wrongJobs({ deployments, jobs }: DeploymentsEvidence): string[] {
  return deployments
    .filter(({ state }) => state === 'succeeded')
    .flatMap(({ id }) => {
      const states = jobs.filter(({ deployment_id }) => deployment_id === id).map(({ state }) => state)
      return states.length === 1 && states[0] === 'succeeded'
        ? []
        : [`${id} with ${states.length === 0 ? 'none' : states.join(' and ')}`]
    })
}

/** Pairs of deployments to one environment that ran at the same time, by their documents, and for how long. */
export function overlaps(deployments: readonly Deployment[]): { pairs: number; found: { what: string; ms: number }[] } {
  const ran = deployments.flatMap(({ id, environment_id, started_at, finished_at }) => {
    const [from, to] = [momentOf(started_at), momentOf(finished_at)]
    return from === null || to === null ? [] : [{ id, environment_id, from, to }]
  })
  const found: { what: string; ms: number }[] = []
  let pairs = 0
  for (const [index, a] of ran.entries()) {
    for (const b of ran.slice(index + 1)) {
      if (a.environment_id !== b.environment_id) continue
      pairs += 1
      const ms = Math.min(a.to, b.to) - Math.max(a.from, b.from)
      if (ms > 0) found.push({ what: `${a.id} and ${b.id} for ${ms} ms`, ms })
    }
  }
  return { pairs, found }
}

/** Without both moments a deployment shows nothing of when it ran. */
export function undated(deployments: readonly Deployment[]): string[] {
  return deployments
    .filter(({ started_at, finished_at }) => momentOf(started_at) === null || momentOf(finished_at) === null)
    .map(({ id, state }) => `${id}, which is ${state}`)
}

/** Whether they were all under way at some moment, by their documents. Null: those do not tell. */
export function wereTogether(deployments: readonly Deployment[]): boolean | null {
  const moments = deployments.map(
    ({ created_at, finished_at }) => [momentOf(created_at), momentOf(finished_at)] as const,
  )
  if (moments.length === 0 || moments.some(([from, to]) => from === null || to === null)) return null
  return Math.max(...moments.map(([from]) => from!)) < Math.min(...moments.map(([, to]) => to!))
}

/**
 * Of two deployments that both got an environment: whether the second was made before the first had ended. The second's
 * document may say a moment at which its request still waited for the first, so its request's own time does not count.
 */
export function surelyTogether(
  winners: readonly { deployment: Deployment; duration_ms: number }[],
  clocks_apart_ms: number,
): boolean {
  return winners.some((a) =>
    winners.some((b) => {
      const [ended, made] = [momentOf(a.deployment.finished_at), momentOf(b.deployment.created_at)]
      const isFirst = a !== b && (momentOf(a.deployment.created_at) ?? 0) <= (made ?? 0)
      return isFirst && ended !== null && made !== null && ended - made > b.duration_ms + clocks_apart_ms
    }),
  )
}

/** Whether each of them was made only after the one before it had ended: then the environment was free for every one. */
export function surelyApart(winners: readonly { deployment: Deployment }[], clocks_apart_ms: number): boolean {
  const moments = winners
    .map(({ deployment }) => ({ made: momentOf(deployment.created_at), ended: momentOf(deployment.finished_at) }))
    .toSorted((a, b) => (a.made ?? 0) - (b.made ?? 0))
  return moments.every(({ made }, index) => {
    const before = moments[index - 1]
    if (before === undefined) return made !== null
    return made !== null && before.ended !== null && made - before.ended >= clocks_apart_ms
  })
}

/** Succeeded deployments whose command did not begin and end exactly once. */
export function notOnce({ deployments }: DeploymentsEvidence, { rows }: Effects): string[] {
  return deployments
    .filter(({ state }) => state === 'succeeded')
    .flatMap(({ id }) => {
      const count = (phase: string) => rows.filter((row) => row.deployment_id === id && row.phase === phase).length
      const [begins, ends] = [count('begin'), count('end')]
      return begins === 1 && ends === 1 ? [] : [`${id}: begun ${begins} times, ended ${ends} times`]
    })
}

/** Effects of deployments that no list has, or in another place than the list says. */
export function strayEffects({ deployments }: DeploymentsEvidence, { rows }: Effects): string[] {
  const byId = new Map(deployments.map((deployment) => [deployment.id, deployment]))
  return rows
    .filter(({ phase }) => phase === 'begin')
    .flatMap(({ deployment_id, environment_id, release_id }) => {
      const listed = byId.get(deployment_id)
      if (listed === undefined) return [`${deployment_id}, which no list has`]
      const isThere =
        listed.environment_id === environment_id && (release_id ?? listed.release_id) === listed.release_id
      return isThere ? [] : [`${deployment_id}, which was carried out elsewhere or with another release`]
    })
}

/** Commands in one environment that ran at the same time: the order of the lines is the order of what happened. */
export function effectsTogether({ rows }: Effects): string[] {
  // An end does not say where it was; its beginning does.
  const places = new Map(
    rows.filter(({ phase }) => phase === 'begin').map((row) => [row.deployment_id, row.environment_id]),
  )
  const running = new Map<string | null, Map<number, string>>()
  const found: string[] = []
  for (const { phase, deployment_id, pid } of rows) {
    const place = places.get(deployment_id) ?? null
    const there = running.get(place) ?? new Map<number, string>()
    running.set(place, there)
    if (phase === 'end') there.delete(pid)
    else {
      const [other] = there.values()
      if (other !== undefined) found.push(`${deployment_id} while ${other} was under way`)
      there.set(pid, deployment_id)
    }
  }
  return found
}

function momentOf(text: string | null): number | null {
  const ms = text === null ? Number.NaN : Date.parse(text)
  return Number.isFinite(ms) ? ms : null
}

/** From being accepted to its end, by its document; null where that does not tell. */
export function took_ms({ created_at, finished_at }: Deployment): number | null {
  const [from, to] = [momentOf(created_at), momentOf(finished_at)]
  return from === null || to === null ? null : to - from
}
