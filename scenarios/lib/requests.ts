// k6 only, for the benchmark: prepared requests over a number of connections, as fast as they are answered. Not a check:
// nothing is judged by it.

import exec from 'k6/execution'
import http from 'k6/http'
import { Trend } from 'k6/metrics'
import type { Options } from 'k6/options'
import type { RequestSettings } from './request-settings.ts'

declare const __ENV: Record<string, string>
declare function open(path: string): string

const settings = JSON.parse(open(__ENV.READINESS_SETTINGS!)) as RequestSettings
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
  waited.add(response.timings.blocked + response.timings.duration, { status: String(response.status) })
}

export function handleSummary(data: { setup_data?: unknown }): Record<string, string> {
  delete data.setup_data
  return { [__ENV.READINESS_SUMMARY!]: JSON.stringify(data) }
}
