// k6 only: everybody hands in a changeset of his own at one instant, which `setup` gives. One iteration a user.
// Nothing is judged here. Every submit is a sample with what its answer told, from which Node makes the ledger.

import { sleep } from 'k6'
import exec from 'k6/execution'
import { Trend } from 'k6/metrics'
import type { Options } from 'k6/options'
import { attempted, errorOf, guarded, optionsOf, readSettings, waitedFor, warm } from '../lib/k6-side.ts'
import { THROTTLE_WAIT_S_MAX } from '../lib/manners-settings.ts'
import type { SubmitSettings } from '../lib/settings.ts'
import { request } from '../lib/target-manners.ts'
import { WARM_UP_S } from '../lib/warm-up.ts'

export { handleSummary } from '../lib/k6-side.ts'

const settings = readSettings<SubmitSettings>()
const { submits } = settings
const waited = new Trend('submit_ms', true)

/** Every user has begun his iteration by then, and waits. */
const GATHERED_AFTER_S = 2

export const options: Options = optionsOf({
  scenarios: {
    L2: {
      executor: 'per-vu-iterations',
      exec: 'submit',
      vus: submits.length,
      iterations: 1,
      maxDuration: `${GATHERED_AFTER_S + settings.requestTimeoutS + THROTTLE_WAIT_S_MAX}s`,
      gracefulStop: `${settings.requestTimeoutS}s`,
    },
  },
  warmers: submits.length,
  iterations: submits.length,
  thresholds: { submit_ms: ['max>=0'] },
  manners: settings,
})

/** When all begin, in milliseconds since the epoch. */
export function setup(): number {
  return Date.now() + (WARM_UP_S + GATHERED_AFTER_S) * 1_000
}

function urlOf(changesetId: string): string {
  return `${settings.baseUrl}/api/apps/${settings.appId}/changesets/${changesetId}`
}

export function warm_up(): void {
  const { changesetId, token } = submits[exec.scenario.iterationInTest % submits.length]!
  warm(urlOf(changesetId), token)
}

export function submit(instant: number): void {
  guarded(() => {
    const { number, changesetId, token } = submits[exec.scenario.iterationInTest]!
    sleep(Math.max(0, instant - Date.now()) / 1_000)
    attempted.add(1)
    const started = Date.now()
    const response = request('POST', `${urlOf(changesetId)}/submit`, '{}', {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      responseType: 'text',
      tags: { name: 'POST /api/apps/{appId}/changesets/{changesetId}/submit' },
      timeout: `${settings.requestTimeoutS}s`,
    })
    waited.add(waitedFor(response), {
      number: String(number),
      started: String(started),
      ended: String(Date.now()),
      status: String(response.status),
      error: errorOf(response),
      ...toldBy(response.body),
    })
  })
}

/** State and job, in either spelling of the contract (HD65); empty where the answer does not tell. */
function toldBy(body: unknown): { state: string; job: string } {
  try {
    const { data } = JSON.parse(String(body)) as {
      data: { state?: unknown; changeset?: { state?: unknown }; job?: { id?: unknown } | null }
    }
    return { state: text(data.changeset?.state ?? data.state), job: text(data.job?.id) }
  } catch {
    return { state: '', job: '' }
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 100) : ''
}
