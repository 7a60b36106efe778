// Small settings for api-mix' script.

import { EVERY_SCRIPT, people, type ScriptFixture } from '../lib/script-fixture.ts'
import type { MixSettings } from '../lib/settings.ts'

const RATE_PER_S = 15
const DURATION_S = 2

export const scripts: ScriptFixture[] = [
  {
    name: 'api-mix',
    load: 'arriving',
    settings: (baseUrl): MixSettings => ({
      ...EVERY_SCRIPT,
      baseUrl,
      tokens: people(5, (number) => `token-${number}`),
      ratePerS: RATE_PER_S,
      durationS: DURATION_S,
      requests: people(RATE_PER_S * DURATION_S, (number) => ({
        user: ((number - 1) % 5) + 1,
        method: number % 3 === 0 ? 'POST' : 'GET',
        path: `/planned/${number}`,
        ...(number % 3 === 0 ? { body: { number } } : {}),
        name: 'a request',
        holds: 'data' as const,
      })),
    }),
  },
]
