// Small settings for auth-burst's script.

import { EVERY_SCRIPT, people, type ScriptFixture } from '../../lib/script-fixture.ts'
import type { AuthSettings } from './settings.ts'

export const scripts: ScriptFixture[] = [
  {
    name: 'scale.auth-burst',
    load: 'rounds',
    settings: (baseUrl): AuthSettings => ({
      ...EVERY_SCRIPT,
      baseUrl,
      accounts: people(15, (number) => ({
        email: `user-${number}@example.com`,
        password: 'a password',
        token: `token-${number}`,
      })),
      users: 5,
      everyS: 0.1,
      durationS: 2,
      limitsMs: { token: 2_000, login: 2_000, reset: 2_000 },
      waitsWhenThrottled: false,
    }),
  },
]
