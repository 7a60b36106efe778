// Jobs of the real Conman: one a second over all apps, oldest first; publishing waits for a gate of its own. Everything that
// a job brings about is shown when its turn has come, and what needs it is refused until then.

import type { Answer, Asked } from '../proxy.ts'
import {
  conflict,
  type Difference,
  dataOf,
  type Fields,
  fields,
  freshId,
  isObject,
  isSuccess,
  json,
  mapObjects,
  operationOf,
  parsed,
  partsOf,
  tokenOf,
  type Upstream,
} from './difference.ts'

/** When each job's turn comes: the real runner takes one, and pauses. */
class Turns {
  readonly #every_ms: number
  readonly #turns = new Map<string, { at_ms: number; type: string; entity: string; number: number }>()
  #last_ms = 0

  constructor(every_ms: number) {
    this.#every_ms = every_ms
  }

  see(job: Fields): void {
    const id = String(job.id)
    if (this.#turns.has(id)) return
    this.#last_ms = Math.max(this.#last_ms, performance.now()) + this.#every_ms
    const [type, entity] = [String(job.job_type), String(job.entity_id)]
    this.#turns.set(id, { at_ms: this.#last_ms, type, entity, number: this.#turns.size })
  }

  isWaiting(id: unknown): boolean {
    const turn = this.#turns.get(String(id))
    return turn !== undefined && performance.now() < turn.at_ms
  }

  /** Whether the newest job of this type for this thing has not had its turn. */
  awaits(type: string, entity: unknown): string | undefined {
    const known = [...this.#turns].filter(([, turn]) => turn.type === type && turn.entity === String(entity))
    const newest = known.sort(([, a], [, b]) => b.number - a.number)[0]
    return newest !== undefined && this.isWaiting(newest[0]) ? newest[0] : undefined
  }
}

export function jobs(upstream: Upstream, every_ms: number): Difference[] {
  const turns = new Turns(every_ms)
  /** The merge gates that only this proxy knows, by release. */
  const gates = new Map<string, Fields>()

  function asShown(object: Fields): Fields {
    if ('job_type' in object && turns.isWaiting(object.id)) {
      return { ...object, state: 'queued', result: null, error_message: null, started_at: null, finished_at: null }
    }
    if ('is_concurrent_batch' in object && turns.isWaiting(object.job_id)) {
      return { ...object, state: 'pending', started_at: null, finished_at: null }
    }
    if ('compose_job_id' in object && object.state === 'validated' && turns.isWaiting(object.compose_job_id)) {
      return { ...object, state: 'assembling' }
    }
    if ('grace_expires_at' in object && turns.awaits('temp_env_provision', object.id) !== undefined) {
      return { ...object, state: 'provisioning' }
    }
    return object
  }

  function openGate(appId: string, release: string): Fields {
    const now = new Date().toISOString()
    const gate = {
      ...{ id: freshId(), app_id: appId, job_type: 'msuite_merge', state: 'succeeded' },
      ...{ entity_type: 'release', entity_id: release },
      payload: { gate: 'release_publish', release_id: release, app_id: appId },
      result: { status: 'ok', phase: 'msuite_merge', command: 'true', exit_code: 0, stdout: '', stderr: '' },
      ...{ error_message: null, retry_count: 0, max_retries: 1, timeout_ms: 1_200_000, created_by: null },
      ...{ created_at: now, started_at: now, finished_at: now, updated_at: now },
    }
    gates.set(release, gate)
    turns.see(gate)
    return gate
  }

  /** The publish ladder (contract §2.11), as far as this proxy makes it. */
  async function publish(asked: Asked): Promise<Answer | undefined> {
    const [appId = '', , release = ''] = partsOf(asked.path)
    const composing = turns.awaits('release_assemble', release)
    if (composing !== undefined) return conflict('release compose job has not succeeded')
    const found = dataOf(await upstream('GET', `/api/apps/${appId}/releases/${release}`, tokenOf(asked) ?? ''))
    // What is not ready to be published is refused behind the proxy too.
    if (!isObject(found) || found.state !== 'validated') return undefined
    const gate = gates.get(release)
    if (gate === undefined) {
      const { id } = openGate(appId, release)
      return conflict(`release merge gate job enqueued (${id}); publish after it succeeds`)
    }
    return turns.isWaiting(gate.id) ? conflict(`release merge gate job is Queued (${gate.id})`) : undefined
  }

  function deploy(asked: Asked): Answer | undefined {
    const [, , environment] = partsOf(asked.path)
    const pair = `${environment}:${fields(asked).release_id}`
    for (const [type, entity] of [
      ['runtime_profile_drift_check', environment],
      ['msuite_deploy', pair],
    ] as const) {
      const waiting = turns.awaits(type, entity)
      if (waiting !== undefined) return conflict(`deploy gate job is Queued (${waiting})`)
    }
    return undefined
  }

  /** The list with the gates in it: all pages are read, and the one that was asked for is cut out again. */
  async function list(asked: Asked): Promise<Answer> {
    const [appId = ''] = partsOf(asked.path)
    const rows: Fields[] = []
    for (let page = 1; ; page += 1) {
      const path = `/api/apps/${appId}/jobs?page=${page}&limit=100`
      const answer = await upstream('GET', path, tokenOf(asked) ?? '')
      const data = dataOf(answer)
      if (!isSuccess(answer) || !Array.isArray(data)) return answer
      rows.push(...(data as Fields[]))
      if (data.length < 100) break
    }
    rows.push(...[...gates.values()].filter((gate) => gate.app_id === appId))
    rows.sort((a, b) => String(b.created_at).localeCompare(String(a.created_at)))
    const limit = Math.min(Math.max(Number(asked.query.get('limit') ?? 20), 1), 100)
    const page = Number(asked.query.get('page') ?? 1)
    return json(200, {
      data: rows.slice((page - 1) * limit, page * limit),
      pagination: { page, limit, total: rows.length },
    })
  }

  return [
    {
      id: '§2.14',
      what: 'one job a second; what it brings about is shown when its turn has come',
      after(asked, answer) {
        const body = parsed(answer)
        if (!isObject(body) || partsOf(asked.path).length === 0) return undefined
        // Oldest first: a list is newest first.
        for (const job of jobsIn(body).sort((a, b) => String(a.created_at).localeCompare(String(b.created_at))))
          turns.see(job)
        return { ...answer, body: Buffer.from(JSON.stringify(mapObjects(body, asShown))) }
      },
    },
    {
      id: '§2.10',
      what: 'what was submitted is queued only after its job',
      before(asked) {
        const [, , changeset] = partsOf(asked.path)
        const waits = operationOf(asked) === 'POST changesets/:/queue' && turns.awaits('msuite_submit', changeset)
        return waits ? conflict('changeset submit gate not satisfied; latest msuite_submit job is Queued') : undefined
      },
    },
    {
      id: 'HD83',
      what: 'the first publish is 409: it enqueues a merge gate',
      async before(asked) {
        const operation = operationOf(asked)
        if (operation === 'POST releases/:/publish') return publish(asked)
        const isPage = /^[1-9]\d*$/.test(asked.query.get('page') ?? '1')
        if (operation === 'GET jobs' && gates.size > 0 && isPage) return list(asked)
        if (operation !== 'GET jobs/:') return undefined
        const [appId, , id] = partsOf(asked.path)
        const gate = [...gates.values()].find((one) => one.id === id && one.app_id === appId)
        return gate === undefined ? undefined : json(200, { data: { job: gate, logs: [] } })
      },
    },
    {
      // The bundled Conman has both gates itself; here their jobs only take as long as all others.
      id: 'HD90',
      what: 'the first two deploys are 409: a drift check and a deploy gate are waited for',
      before: (asked) =>
        /^POST environments\/:\/(deploy|promote)$/.test(operationOf(asked)) ? deploy(asked) : undefined,
    },
  ]
}

/** All jobs in an answer, at whatever depth. */
function jobsIn(value: unknown): Fields[] {
  const found: Fields[] = []
  mapObjects(value, (object) => {
    if ('job_type' in object) found.push(object)
    return object
  })
  return found
}
