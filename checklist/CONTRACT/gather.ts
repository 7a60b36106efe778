// Walks the whole product flow once, from the first login to the rollback and a temporary environment. Touches the world,
// judges nothing but whether each step came to what it is for.

import type { Gatherer } from '../../harness/check.ts'
import { type ContractEvidence, ContractEvidenceSchema, type TakenStep } from './evidence.ts'
import { changing } from './steps/changing.ts'
import { editing } from './steps/editing.ts'
import { platform } from './steps/platform.ts'
import { releasing } from './steps/releasing.ts'
import { team } from './steps/team.ts'
import { ending, temporary } from './steps/temporary.ts'
import { type Part, Walk } from './walk.ts'

export const PARTS: readonly Part[] = [platform, team, editing, changing, releasing, temporary, ending]

export const MARKS: Readonly<Record<TakenStep['outcome'], string>> = {
  worked: '✓',
  differs: '≠',
  refused: '✗',
  'no answer': '✗',
  skipped: '–',
}

export const contractGatherer: Gatherer<ContractEvidence> = {
  id: 'CONTRACT',
  title: 'the whole product flow, once, and how a client is answered on the way',
  schema: ContractEvidenceSchema,
  needs: ['http', 'repositories'],
  effect: 'writes',
  leaves:
    'an app, three members, an invite, a runtime profile, three environments, two workspaces with files and changesets, two releases with deployments, and a temporary environment that is deleted again',
  expected_s: () => 20,
  async gather(run) {
    const walk = new Walk(run)
    for (const part of PARTS) {
      run.progress.say(`CONTRACT: ${part.title}`)
      for (const step of part.steps) {
        run.signal.throwIfAborted()
        run.progress.say(`  ${line(await walk.take(part.title, step))}`)
      }
    }
    const app = walk.has('an app') ? walk.the('an app').name : null
    return { schema: 'readiness-contract/1', app, steps: walk.steps }
  },
}

/** A step in one line: its mark, its name, and why it is not simply a tick. */
export function line({ outcome, name, because, differences }: TakenStep): string {
  const why = [
    ...(because === null ? [] : [because]),
    ...differences.map(({ id, wanted, got }) => `${id}: wanted ${wanted}, got ${got}`),
  ]
  return `${MARKS[outcome]} ${name}${why.length === 0 ? '' : `: ${why.join('; ')}`}`
}
