// k6 only, for the benchmark: GET requests over a number of connections, as fast as they are answered. Not a check:
// nothing is judged by it.

import exec from 'k6/execution'
import http from 'k6/http'
import { Trend } from 'k6/metrics'
import type { Options } from 'k6/options'
import type { ReadSettings } from './read-settings.ts'

declare const __ENV: Record<string, string>
declare function open(path: string): string

const settings = JSON.parse(open(__ENV.READINESS_SETTINGS!)) as ReadSettings
const waited = new Trend('read_ms', true)

export const options: Options = {
  scenarios: {
    reads: { executor: 'constant-vus', exec: 'reads', vus: settings.connections, duration: `${settings.durationS}s` },
  },
  thresholds: { read_ms: ['max>=0'] },
  discardResponseBodies: true,
}

export function reads(): void {
  const target = settings.targets[exec.scenario.iterationInTest % settings.targets.length]!
  const response = http.get(`${settings.baseUrl}${target.path}`, {
    headers: { authorization: `Bearer ${target.token}` },
    tags: { name: settings.name },
  })
  waited.add(response.timings.blocked + response.timings.duration, { status: String(response.status) })
}

export function handleSummary(data: { setup_data?: unknown }): Record<string, string> {
  delete data.setup_data
  return { [__ENV.READINESS_SUMMARY!]: JSON.stringify(data) }
}
