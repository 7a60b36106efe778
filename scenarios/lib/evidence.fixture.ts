// A sound load, for tests on evidence: each changes the one thing that it is about.

import type { Load } from './load.ts'

export function soundLoad(requests: number, iterations: number | null = requests): Load {
  return {
    generator: {
      k6_version: '2.2.0',
      exit_code: 0,
      signal: null,
      summary_fresh: true,
      thresholds: [{ metric: 'load_attempted', threshold: 'count>0', ok: true }],
      dropped_iterations: 0,
      started_at: '2026-11-22T05:00:00Z',
      finished_at: '2026-11-22T05:00:08Z',
      cpu_s: 1,
      cpu_share: 0.1,
      pulse_lag_ms_max: 20,
      log_tail: [],
    },
    iterations_planned: iterations,
    iterations_finished: iterations ?? requests,
    exceptions: 0,
    attempted: requests,
    other_cpu_share_max: 0,
    requests_per_s_max: null,
  }
}
