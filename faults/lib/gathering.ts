// Gathers a fault: the control run first, then each of its episodes. The control run is made once for all faults of a run.

import type { Gatherer } from '../../harness/check.ts'
import type { Profile } from '../../harness/profiles.ts'
import type { Run } from '../../harness/run.ts'
import { type Drill, drill } from './drill.ts'
import { type Episode, type FaultEvidence, FaultEvidenceSchema } from './evidence.ts'

export function faultGatherer(
  input: Pick<Gatherer<FaultEvidence>, 'id' | 'title' | 'needs' | 'inapplicableTo'> & {
    breaks: string
    drills(profile: Profile): Drill[]
    /** Of all episodes together, without what is the same in each. */
    expected_s(profile: Profile): number
  },
): Gatherer<FaultEvidence> {
  const { drills, expected_s, ...gatherer } = input
  return {
    ...gatherer,
    schema: FaultEvidenceSchema,
    effect: 'disrupts',
    leaves:
      'two or three apps with their members, changesets, releases, deployments and temporary environments, with the run’s prefix',
    load: ({ faults }) => ({
      users: faults.users + faults.tenants + faults.release_apps,
      requests_per_s: Object.values(faults.rates).reduce((sum, rate) => sum + rate, 0) + BESIDE_THE_MIX_PER_S,
    }),
    expected_s: (profile) => {
      const { control_s, baseline_s, settled_s } = profile.faults
      const each = baseline_s + settled_s + READING_S
      return 30 + control_s + settled_s + READING_S + drills(profile).length * each + expected_s(profile)
    },
    async gather(run) {
      const control = await controlOf(run)
      const episodes: Episode[] = []
      for (const one of drills(run.profile)) episodes.push(await drill(run, one))
      return {
        schema: 'readiness-fault/1',
        election_timeout_ms: run.target.stack === undefined ? null : run.profile.election_timeout_ms,
        control,
        episodes,
      }
    },
  }
}

/** Ten polls of the health, and what the stories ask one after the other. */
const BESIDE_THE_MIX_PER_S = 20
/** Ending the stories, and reading everything. */
const READING_S = 20

const controls = new WeakMap<object, Promise<{ episode: Episode; lines: { file: string; line: unknown }[] }>>()

/** Its history stands beside each evidence that rests on it. */
async function controlOf(run: Run): Promise<Episode> {
  const known = controls.get(run.target)
  if (known !== undefined) {
    const { episode, lines } = await known
    for (const { file, line } of lines) run.appendLine(file, line)
    return episode
  }
  const lines: { file: string; line: unknown }[] = []
  const appendLine = (file: string, line: unknown) => {
    lines.push({ file, line })
    run.appendLine(file, line)
  }
  const made = drill({ ...run, appendLine }, { name: 'control', fault: null, hold_ms: 0 }).then((episode) => ({
    episode,
    lines,
  }))
  controls.set(run.target, made)
  try {
    return (await made).episode
  } catch (cause) {
    // The next one tries again.
    controls.delete(run.target)
    throw cause
  }
}
