// What the steady mixes have in common where they are judged: checks over one gathering, the database's slow queries, and by what
// the trail of their changes was verified. Pure.

import type { Check, Finding, Gatherer, Limit, Limits, Verdict } from '../../harness/check.ts'
import { verdictOf } from '../../harness/verdict.ts'
import type { Aftermath } from './deeds.ts'
import { remediedFor } from './gates.ts'
import type { Instrument } from './load.ts'
import type { SlowQueries } from './slow-queries.ts'
import { slowQueryFindings, slowQueryTable } from './slow-query-claims.ts'

interface Judged<E> {
  id: string
  title: string
  failureTitle: string
  source: string
  text: string
  limits: Limit[]
  judge(evidence: E, limits: Limits): Verdict
}

/** Checks of what one gatherer brings home. `load`: what is claimed of the load itself, without which nothing is verified. */
export function checksOf<E>(
  gatherer: Gatherer<E>,
  load: (evidence: E) => readonly Finding[],
): (judged: Judged<E>) => Check<E> {
  return ({ id, title, failureTitle, source, text, limits, judge }) => ({
    id,
    title,
    failureTitle,
    requirement: { level: 'MUST', source, text },
    gatherer,
    profiles: ['smoke', 'standard', 'golive'],
    limits,
    evaluate: (evidence, limits) => remediedFor(judge(evidence, limits), load(evidence)),
  })
}

export function slowQueryVerdict(
  queries: SlowQueries,
  limit: Limit,
  instrument: Instrument,
  load: readonly Finding[],
): Verdict {
  const operations = queries.members.reduce((sum, member) => sum + member.operations, 0)
  return verdictOf({
    findings: [...load, ...slowQueryFindings(queries, limit, instrument)],
    whenPassed: `of ${operations} operations none took longer than ${limit.value} ms, by the slow-query log of each of ${queries.members.length} members`,
    verifiedBy: queries.because === null ? ['http', 'mongo'] : ['http'],
    tables: [slowQueryTable(queries)],
    remedy:
      queries.because === null
        ? 'explain the query that is named, and give it an index'
        : 'give CONMAN_SERVER_CMD: the log of slow queries is only read on a stack of our own',
  })
}

export function trailVerifiedBy({ audit, mails }: Aftermath): Verdict['verifiedBy'] {
  return [
    'http',
    ...(audit?.source === 'mongo' ? (['mongo'] as const) : []),
    ...(mails === null ? [] : (['outbox'] as const)),
  ]
}
