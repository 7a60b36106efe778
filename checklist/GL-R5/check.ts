// GL-R5: the writes that people rely on are acknowledged by the majority, collection by collection. Pure.

import type { Check } from '../../harness/check.ts'
import { judged } from '../DC/check.ts'
import { majorityFinding, walkedFinding } from '../DC/claims.ts'
import type { DatabaseUse } from '../DC/evidence.ts'
import { databaseUse } from '../DC/gather.ts'

/** What cannot be made again from anything else: who may do what, what was changed, decided, released and deployed. */
const CRITICAL = [
  'users',
  'app_memberships',
  'apps',
  'runtime_profiles',
  'workspaces',
  'changesets',
  'changeset_revisions',
  'release_batches',
  'deployments',
  'temp_environments',
  'jobs',
] as const

export const majorityWrites: Check<DatabaseUse> = {
  id: 'GL-R5',
  title: 'Every critical write is acknowledged by the majority',
  failureTitle: 'A failover can undo what people were told is done',
  requirement: {
    level: 'MUST',
    source: 'E12 §10 GL-R5',
    text: '`majority` write concern on all critical writes',
  },
  gatherer: databaseUse,
  profiles: ['smoke', 'standard', 'golive'],
  limits: [],
  evaluate: (evidence) =>
    judged(evidence, {
      claims: (watched) => [
        walkedFinding(watched, ['change']),
        ...CRITICAL.map((collection) => majorityFinding(watched, collection)),
      ],
      whenPassed: `writes to ${CRITICAL.length} critical collections were seen, and all of them wait for the majority`,
      remedy: 'write with {w: "majority"}, each operation or the whole client',
    }),
}
