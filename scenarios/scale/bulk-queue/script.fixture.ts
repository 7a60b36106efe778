// Small settings for bulk-queue's script.

import { EVERY_SCRIPT, people, type ScriptFixture } from '../../lib/script-fixture.ts'
import type { BulkSettings } from './settings.ts'

export const scripts: ScriptFixture[] = [
  {
    name: 'scale.bulk-queue',
    load: 'arriving',
    // An order, and a look at the queue after it.
    each: 2,
    settings: (baseUrl): BulkSettings => ({
      ...EVERY_SCRIPT,
      baseUrl,
      appId: 'app',
      tokens: people(5, (number) => `token-${number}`),
      queued: people(50, (number) => `changeset-${number}`),
      ratePerS: 10,
      durationS: 2,
      limitsMs: { p95: 2_000, p99: 2_000 },
    }),
  },
]
