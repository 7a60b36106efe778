// Small settings for poll-storm's script.

import { EVERY_SCRIPT, people, type ScriptFixture } from '../../lib/script-fixture.ts'
import type { PollSettings } from './settings.ts'

export const scripts: ScriptFixture[] = [
  {
    name: 'scale.poll-storm',
    load: 'arriving',
    data: [],
    settings: (baseUrl): PollSettings => ({
      ...EVERY_SCRIPT,
      baseUrl,
      appId: 'app',
      tokens: people(5, (number) => `token-${number}`),
      ratePerS: 15,
      durationS: 2,
      limitsMs: { p95: 2_000, p99: 2_000 },
    }),
  },
]
