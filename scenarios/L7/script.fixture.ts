// Small settings for L7's script, in its two shapes.

import { EVERY_SCRIPT, people, type ScriptFixture } from '../lib/script-fixture.ts'
import type { ListingSettings } from '../lib/settings.ts'

function shape(scenario: ListingSettings['scenario'], load: ScriptFixture['load']): ScriptFixture {
  return {
    name: scenario,
    load,
    data: [{ id: 'a changeset', state: 'queued' }],
    settings: (baseUrl): ListingSettings => ({
      ...EVERY_SCRIPT,
      scenario,
      baseUrl,
      appId: 'app',
      tokens: people(5, (number) => `token-${number}`),
      pages: 7,
      pageSize: 20,
      listingsPerUser: 9,
      ratePerS: 15,
      durationS: 2,
    }),
  }
}

export const scripts = [shape('L7', 'planned'), shape('L7.open', 'arriving')]
