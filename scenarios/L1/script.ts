// k6 only: 50 users write files, each in a workspace of its own. One process runs one of three shapes:
//   L1         50 users × 5 files, as the requirement says; one iteration a user, its edits one after the other
//   L1.sample  the specification's sample as written: 50 VUs for two minutes with a pause of one second
//   L1.open    the same rate as an open model: edits arrive at a constant rate, however slow the server is
// Nothing is judged here. Every attempt and its end is a metric sample with its key, from which Node makes the ledger.

import { sleep } from 'k6'
import encoding from 'k6/encoding'
import exec from 'k6/execution'
import { Counter, Trend } from 'k6/metrics'
import type { Options } from 'k6/options'
import { THROTTLE_WAIT_S_MAX } from '../lib/manners-settings.ts'
import type { EditSettings } from '../lib/settings.ts'
import { request, stopThresholds } from '../lib/target-manners.ts'
import { editContent, editKey, editMessage, editPath } from './edit.ts'

declare const __ENV: Record<string, string>
declare function open(path: string): string

const settings = JSON.parse(open(__ENV.READINESS_SETTINGS!)) as EditSettings
const { scenario } = settings

/** Counted before the request leaves: an attempt without an end was cut off. */
const attempted = new Counter('edit_attempted')
/** One sample an edit: how long its user waited, with the status and the commit that the server named. */
const waited = new Trend('edit_ms', true)
const acknowledged = new Counter('edit_acknowledged')
/** k6 ends with 0 when an iteration throws: so this is counted, and judged. */
const exceptions = new Counter('edit_exceptions')
const finished = new Counter('edit_iterations_finished')

/** Longer than the slowest warm-up edit that the limit allows, so that the measured window starts on a quiet server. */
const WARM_UP_S = 4

const expectedEdits = settings.users.length * settings.filesPerUser

const shapes: Record<EditSettings['scenario'], NonNullable<Options['scenarios']>[string]> = {
  L1: {
    executor: 'per-vu-iterations',
    exec: 'edits',
    vus: settings.users.length,
    iterations: 1,
    startTime: `${WARM_UP_S}s`,
    // A target that limits its rate may have each user wait.
    maxDuration: `${settings.filesPerUser * settings.requestTimeoutS + THROTTLE_WAIT_S_MAX}s`,
    gracefulStop: `${settings.requestTimeoutS}s`,
  },
  'L1.sample': {
    executor: 'constant-vus',
    exec: 'sample',
    vus: settings.users.length,
    duration: `${settings.durationS}s`,
    startTime: `${WARM_UP_S}s`,
    gracefulStop: `${settings.requestTimeoutS}s`,
  },
  'L1.open': {
    executor: 'constant-arrival-rate',
    exec: 'open_model',
    rate: settings.ratePerS,
    timeUnit: '1s',
    duration: `${settings.durationS}s`,
    // Enough for every edit to take the limit; more would hide that the server is behind.
    preAllocatedVUs: Math.ceil((settings.ratePerS * settings.latencyLimitMs) / 1_000),
    startTime: `${WARM_UP_S}s`,
    gracefulStop: `${settings.requestTimeoutS}s`,
  },
}

export const options: Options = {
  scenarios: {
    // Connections, caches and just-in-time compilation: a scenario of its own, whose samples no gate reads.
    warm_up: {
      executor: 'per-vu-iterations',
      exec: 'warm_up',
      vus: settings.users.length,
      iterations: 1,
      maxDuration: `${WARM_UP_S}s`,
      gracefulStop: '0s',
    },
    [scenario === 'L1' ? 'L1' : scenario.replace('.', '_')]: shapes[scenario],
  },
  thresholds: {
    ...stopThresholds(settings, WARM_UP_S + 2),
    ...(scenario === 'L1'
      ? {
          edit_ms: [`max<=${settings.latencyLimitMs}`],
          edit_attempted: [`count==${expectedEdits}`],
          edit_acknowledged: [`count==${expectedEdits}`],
          edit_exceptions: ['count==0'],
          edit_iterations_finished: [`count==${settings.users.length}`],
        }
      : {
          edit_ms: [`p(99)<=${settings.latencyLimitMs}`],
          edit_attempted: ['count>0'],
          edit_exceptions: ['count==0'],
          edit_iterations_finished: ['count>0'],
        }),
  },
  summaryTrendStats: ['count', 'min', 'avg', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
  noConnectionReuse: false,
  discardResponseBodies: true,
  // Exceptions are counted by the script; a 5xx is an answer to be judged, not a failure of the generator.
  throw: false,
}

function edit(userIndex: number, number: number): void {
  const user = settings.users[userIndex % settings.users.length]!
  const key = editKey(settings.run, user.number, number)
  const path = editPath(scenario, user.number, number)
  attempted.add(1, { key })
  const started = Date.now()
  const response = request(
    'PUT',
    `${settings.baseUrl}/api/apps/${user.appId}/workspaces/${user.workspaceId}/files`,
    JSON.stringify({
      path,
      content: encoding.b64encode(editContent(settings.run, user.number, number)),
      message: editMessage(settings.run, user.number, number),
    }),
    {
      headers: { authorization: `Bearer ${user.token}`, 'content-type': 'application/json' },
      responseType: 'text',
      tags: { name: 'PUT /api/apps/{appId}/workspaces/{workspaceId}/files' },
      timeout: `${settings.requestTimeoutS}s`,
    },
  )
  // What the user waited for: the wait for a free connection and the handshake are part of it.
  const timings = response.timings
  const elapsed = timings.blocked + timings.connecting + timings.tls_handshaking + timings.duration
  const commit = response.status >= 200 && response.status < 300 ? commitOf(response.body) : ''
  waited.add(elapsed, {
    key,
    status: String(response.status),
    commit,
    started: String(started),
    ended: String(Date.now()),
    error: response.error ? `${response.error_code} ${response.error}`.slice(0, 200) : '',
  })
  if (commit !== '') acknowledged.add(1)
}

/** An edit is acknowledged by a 2xx that names the commit; the name of a commit is 40 or 64 hex digits. */
function commitOf(body: unknown): string {
  try {
    const commit = (JSON.parse(String(body)) as { data?: { commit_sha?: unknown } }).data?.commit_sha
    return typeof commit === 'string' && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(commit) ? commit : ''
  } catch {
    return ''
  }
}

function guarded(body: () => void): void {
  try {
    body()
    finished.add(1)
  } catch (cause) {
    exceptions.add(1)
    console.error(`iteration ended by an exception: ${cause}`)
  }
}

export function warm_up(): void {
  const user = settings.users[exec.scenario.iterationInTest % settings.users.length]!
  request(
    'GET',
    `${settings.baseUrl}/api/apps/${user.appId}/workspaces/${user.workspaceId}/files`,
    null,
    {
      headers: { authorization: `Bearer ${user.token}` },
      tags: { name: 'warm-up' },
    },
    'warm-up',
  )
  request(
    'PUT',
    `${settings.baseUrl}/api/apps/${user.appId}/workspaces/${user.workspaceId}/files`,
    JSON.stringify({
      path: `warm-up/service-${user.number}.json`,
      content: encoding.b64encode(`{"run": "${settings.run}", "scenario": "${scenario}"}\n`),
      message: `readiness warm-up ${settings.run} ${scenario}`,
    }),
    {
      headers: { authorization: `Bearer ${user.token}`, 'content-type': 'application/json' },
      tags: { name: 'warm-up' },
    },
    'warm-up',
  )
}

export function edits(): void {
  guarded(() => {
    const user = exec.scenario.iterationInTest
    for (let number = 0; number < settings.filesPerUser; number += 1) edit(user, number)
  })
}

export function sample(): void {
  guarded(() => {
    // The sample's `__VU`: each virtual user keeps to one workspace. The edit's number is unique in the whole test.
    edit(exec.vu.idInTest - 1, exec.scenario.iterationInTest)
    sleep(settings.pauseS)
  })
}

export function open_model(): void {
  guarded(() => {
    const iteration = exec.scenario.iterationInTest
    edit(iteration, iteration)
  })
}

export function handleSummary(data: { setup_data?: unknown }): Record<string, string> {
  delete data.setup_data
  return { [__ENV.READINESS_SUMMARY!]: JSON.stringify(data) }
}
