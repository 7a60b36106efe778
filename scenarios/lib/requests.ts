// k6 only, for the benchmark: prepared requests over a number of connections, as fast as they are answered. Not a check:
// nothing is judged by it.

import exec from 'k6/execution'
import http from 'k6/http'
import { Trend } from 'k6/metrics'
import type { Options } from 'k6/options'
import { readSettings, waitedFor } from './k6-side.ts'
import type { RequestSettings } from './request-settings.ts'

export { handleSummary } from './k6-side.ts'

const settings = readSettings<RequestSettings>()
const waited = new Trend('request_ms', true)
const { connections, durationS, requests } = settings

export const options: Options = {
  scenarios: {
    requests:
      durationS > 0
        ? { executor: 'constant-vus', exec: 'send', vus: connections, duration: `${durationS}s` }
        : { executor: 'shared-iterations', exec: 'send', vus: connections, iterations: requests.length },
  },
  thresholds: { request_ms: ['max>=0'] },
  discardResponseBodies: true,
}

export function send(): void {
  const { method, path, token, body } = requests[exec.scenario.iterationInTest % requests.length]!
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (token !== undefined) headers.authorization = `Bearer ${token}`
  const payload = body === undefined ? null : JSON.stringify(body)
  const response = http.request(method, `${settings.baseUrl}${path}`, payload, {
    headers,
    tags: { name: settings.name },
  })
  waited.add(waitedFor(response), { status: String(response.status) })
}
