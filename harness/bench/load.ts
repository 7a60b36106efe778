// The benchmark's loads: requests and edits by k6 beside the server, each as fast as it is answered.

import { fileURLToPath } from 'node:url'
import { editorUsers } from '../../scenarios/L1/gather.ts'
import { mannersOf } from '../../scenarios/lib/manners-settings.ts'
import type { RequestSettings } from '../../scenarios/lib/request-settings.ts'
import type { EditSettings } from '../../scenarios/lib/settings.ts'
import type { SeededApp } from '../../seed/editors.ts'
import { type K6Result, type K6Sample, runK6 } from '../k6.ts'
import type { Run } from '../run.ts'
import { ascending, percentile } from '../statistics.ts'
import type { AddFigure } from './figures.ts'

export const CONNECTIONS = 50

export interface RequestLoad {
  name: string
  requests: RequestSettings['requests']
  /** 0 sends each request once. */
  durationS: number
  connections?: number
}

export async function sendRequests(run: Run, load: RequestLoad): Promise<K6Sample[]> {
  const { samples } = await runK6(run, {
    entry: fileURLToPath(new URL('../../scenarios/lib/requests.ts', import.meta.url)),
    settings: {
      baseUrl: run.target.baseUrl,
      connections: load.connections ?? CONNECTIONS,
      durationS: load.durationS,
      requests: load.requests,
      name: load.name,
    } satisfies RequestSettings,
    metrics: ['request_ms'],
    bound_s: load.durationS + 120,
    label: load.name,
  })
  return samples
}

export async function editFiles(run: Run, seeded: SeededApp, key: string, filesPerUser: number): Promise<K6Result> {
  return runK6(run, {
    entry: fileURLToPath(new URL('../../scenarios/L1/script.ts', import.meta.url)),
    settings: {
      run: key,
      scenario: 'L1',
      baseUrl: run.target.baseUrl,
      users: editorUsers(seeded),
      filesPerUser,
      latencyLimitMs: 2_000,
      failedShareMax: 0,
      durationS: 0,
      pauseS: 0,
      ratePerS: 0,
      ...mannersOf(run.target.loadBounds),
      requestTimeoutS: 30,
    } satisfies EditSettings,
    metrics: ['edit_ms'],
    bound_s: 300,
    label: `edits, ${filesPerUser} by each user`,
  })
}

/** Rate and p99 of what was answered with 2xx; what was not is a figure of its own. */
export function addLoad(
  add: AddFigure,
  name: string,
  samples: readonly K6Sample[],
  unit: string,
  wanted: { rate?: string; p99?: string } = {},
): void {
  const ended = samples.filter((sample) => sample.tags.status !== undefined)
  const good = ended.filter((sample) => sample.tags.status?.startsWith('2'))
  if (good.length < ended.length || good.length === 0)
    add(`${name}: not answered with 2xx`, ended.length - good.length, `of ${ended.length}`)
  if (good.length === 0) return
  add(`${name}: rate`, good.length / spanOf(good), unit, wanted.rate, good.length)
  add(`${name}: p99`, percentile(ascending(good.map((sample) => sample.value)), 0.99), 'ms', wanted.p99, good.length)
}

/** From the first request's start to the last one's end, in seconds: a sample is taken when its request ended. */
export function spanOf(samples: readonly K6Sample[]): number {
  const first = Math.min(...samples.map((sample) => sample.time_ms - sample.value))
  const last = Math.max(...samples.map((sample) => sample.time_ms))
  return (last - first) / 1_000
}
