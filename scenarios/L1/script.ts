// k6 only: 50 users write files, each in a workspace of its own. One process runs one of three shapes:
//   L1         50 users × 5 files, as the requirement says; one iteration a user, its edits one after the other
//   L1.sample  the specification's sample as written: 50 VUs for two minutes with a pause of one second
//   L1.open    the same rate as an open model: edits arrive at a constant rate, however slow the server is
// Nothing is judged here. Every attempt and its end is a metric sample with its key, from which Node makes the ledger.

import { sleep } from 'k6'
import encoding from 'k6/encoding'
import exec from 'k6/execution'
import { Counter, Trend } from 'k6/metrics'
import type { Options, Scenario } from 'k6/options'
import { COUNTERS } from '../lib/counters.ts'
import { attempted, errorOf, guarded, optionsOf, readSettings, waitedFor, warm } from '../lib/k6-side.ts'
import { THROTTLE_WAIT_S_MAX } from '../lib/manners-settings.ts'
import type { EditorUser, EditSettings } from '../lib/settings.ts'
import { request } from '../lib/target-manners.ts'
import { editContent, editKey, editMessage, editPath } from './edit.ts'

export { handleSummary } from '../lib/k6-side.ts'

const settings = readSettings<EditSettings>()
const { scenario } = settings

const ROUTE = 'PUT /api/apps/{appId}/workspaces/{workspaceId}/files'

/** One sample an edit: how long its user waited, with the status and the commit that the server named. */
const waited = new Trend('edit_ms', true)
const acknowledged = new Counter('edit_acknowledged')

const expectedEdits = settings.users.length * settings.filesPerUser

const shapes: Record<EditSettings['scenario'], Scenario> = {
  L1: {
    executor: 'per-vu-iterations',
    exec: 'edits',
    vus: settings.users.length,
    iterations: 1,
    // A target that limits its rate may have each user wait.
    maxDuration: `${settings.filesPerUser * settings.requestTimeoutS + THROTTLE_WAIT_S_MAX}s`,
    gracefulStop: `${settings.requestTimeoutS}s`,
  },
  'L1.sample': {
    executor: 'constant-vus',
    exec: 'sample',
    vus: settings.users.length,
    duration: `${settings.durationS}s`,
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
    gracefulStop: `${settings.requestTimeoutS}s`,
  },
}

export const options: Options = optionsOf({
  scenarios: { [scenario.replace('.', '_')]: shapes[scenario] },
  warmers: settings.users.length,
  iterations: scenario === 'L1' ? settings.users.length : null,
  thresholds:
    scenario === 'L1'
      ? {
          edit_ms: [`max<=${settings.latencyLimitMs}`],
          [COUNTERS.attempted]: [`count==${expectedEdits}`],
          edit_acknowledged: [`count==${expectedEdits}`],
        }
      : { edit_ms: [`p(99)<=${settings.latencyLimitMs}`] },
  manners: settings,
})

function fileRequest(user: EditorUser, file: { path: string; content: string; message: string }) {
  return [
    'PUT',
    `${settings.baseUrl}/api/apps/${user.appId}/workspaces/${user.workspaceId}/files`,
    JSON.stringify({ ...file, content: encoding.b64encode(file.content) }),
  ] as const
}

function edit(userIndex: number, number: number): void {
  const user = settings.users[userIndex % settings.users.length]!
  const key = editKey(settings.run, user.number, number)
  attempted.add(1, { key })
  const started = Date.now()
  const response = request(
    ...fileRequest(user, {
      path: editPath(scenario, user.number, number),
      content: editContent(settings.run, user.number, number),
      message: editMessage(settings.run, user.number, number),
    }),
    {
      headers: headersOf(user),
      responseType: 'text',
      tags: { name: ROUTE },
      timeout: `${settings.requestTimeoutS}s`,
    },
  )
  const commit = response.status >= 200 && response.status < 300 ? commitOf(response.body) : ''
  waited.add(waitedFor(response), {
    key,
    status: String(response.status),
    commit,
    started: String(started),
    ended: String(Date.now()),
    error: errorOf(response),
  })
  if (commit !== '') acknowledged.add(1)
}

function headersOf({ token }: EditorUser) {
  return { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
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

export function warm_up(): void {
  const user = settings.users[exec.scenario.iterationInTest % settings.users.length]!
  warm(`${settings.baseUrl}/api/apps/${user.appId}/workspaces/${user.workspaceId}/files`, user.token)
  const file = {
    path: `warm-up/service-${user.number}.json`,
    content: `{"run": "${settings.run}", "scenario": "${scenario}"}\n`,
    message: `readiness warm-up ${settings.run} ${scenario}`,
  }
  request(...fileRequest(user, file), { headers: headersOf(user), tags: { name: ROUTE } }, 'warm-up')
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
