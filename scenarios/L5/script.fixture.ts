// Small settings for L5's script.

import { EVERY_SCRIPT, people, type ScriptFixture } from '../lib/script-fixture.ts'
import type { ReadSettings } from '../lib/settings.ts'

const kinds = ['tree', 'file', 'diff'] as const

export const scripts: ScriptFixture[] = [
  {
    name: 'L5',
    load: 'planned',
    settings: (baseUrl): ReadSettings => ({
      ...EVERY_SCRIPT,
      baseUrl,
      readers: 3,
      requests: people(21, (number) => ({
        subject: number,
        kind: kinds[number % kinds.length]!,
        path: `/reading/${number}`,
        token: `token-${number}`,
      })),
      warmUps: people(3, (number) => ({ path: `/warm-up/${number}`, token: `token-${number}` })),
      limitsMs: { tree: 2_000, file: 2_000, diff: 2_000 },
    }),
  },
]
