// Small settings for L3's background reader.

import { EVERY_SCRIPT, people, type ScriptFixture } from '../lib/script-fixture.ts'
import type { QueueReaderSettings } from '../lib/settings.ts'

export const scripts: ScriptFixture[] = [
  {
    name: 'L3',
    load: 'arriving',
    data: [],
    settings: (baseUrl): QueueReaderSettings => ({
      ...EVERY_SCRIPT,
      baseUrl,
      appId: 'app',
      // More than there are listings: a token that two processes both use then shows.
      tokens: people(35, (number) => `token-${number}`),
      ratePerS: 15,
      durationS: 2,
    }),
  },
]
