// A sound load, for tests on evidence: each changes the one thing that it is about.

import type { Generator } from '../../harness/k6.ts'
import type { Load } from './load.ts'

export function soundGenerator(metric: string, threshold: string): Generator {
  return {
    k6_version: '2.2.0',
    exit_code: 0,
    signal: null,
    summary_fresh: true,
    thresholds: [{ metric, threshold, ok: true }],
    dropped_iterations: 0,
    started_at: '2026-11-22T05:00:00Z',
    finished_at: '2026-11-22T05:00:08Z',
    cpu_s: 1,
    cpu_share: 0.1,
    pulse_lag_ms_max: 20,
    log_tail: [],
  }
}

export function soundLoad(requests: number, iterations: number | null = requests): Load {
  return {
    generator: soundGenerator('load_attempted', 'count>0'),
    iterations_planned: iterations,
    iterations_finished: iterations ?? requests,
    exceptions: 0,
    attempted: requests,
    other_cpu_share_max: 0,
    throttled: 0,
    stopped_at_5xx_share: null,
    requests_per_s_max: null,
  }
}
