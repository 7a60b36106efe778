// Small settings for L1's script, in its three shapes.

import { EVERY_SCRIPT, people, type ScriptFixture } from '../lib/script-fixture.ts'
import type { EditSettings } from '../lib/settings.ts'

function shape(scenario: EditSettings['scenario'], load: ScriptFixture['load']): ScriptFixture {
  return {
    name: scenario,
    load,
    settings: (baseUrl): EditSettings => ({
      ...EVERY_SCRIPT,
      run: `a-run/${scenario}`,
      scenario,
      baseUrl,
      users: people(5, (number) => ({
        number,
        token: `token-${number}`,
        appId: 'app',
        workspaceId: `workspace-${number}`,
      })),
      filesPerUser: 3,
      failedShareMax: 0.01,
      durationS: 2,
      pauseS: 0.1,
      ratePerS: 15,
    }),
  }
}

export const scripts = [shape('L1', 'planned'), shape('L1.sample', 'paced'), shape('L1.open', 'arriving')]
