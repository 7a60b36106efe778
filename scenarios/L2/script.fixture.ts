// Small settings for L2's script.

import { EVERY_SCRIPT, people, type ScriptFixture } from '../lib/script-fixture.ts'
import type { SubmitSettings } from '../lib/settings.ts'

export const scripts: ScriptFixture[] = [
  {
    name: 'L2',
    load: 'planned',
    settings: (baseUrl): SubmitSettings => ({
      ...EVERY_SCRIPT,
      baseUrl,
      appId: 'app',
      submits: people(5, (number) => ({ number, changesetId: `changeset-${number}`, token: `token-${number}` })),
    }),
  },
]
