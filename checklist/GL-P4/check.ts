// GL-P4: every listing query is answered by an index. Pure: explanations in, verdicts out.

import type { Check, Finding, Table } from '../../harness/check.ts'
import { verdictOf } from '../../harness/verdict.ts'
import type { QueryPlan, QueryPlanEvidence } from './evidence.ts'
import { queryPlans } from './gather.ts'
import { isIndexed } from './plan.ts'

export const indexedLists: Check<QueryPlanEvidence> = {
  id: 'GL-P4',
  title: 'Every listing query is answered by an index, however many documents stand beside it',
  failureTitle: 'Lists read whole collections, and slow down with every day',
  requirement: {
    level: 'MUST',
    source: 'E12 §10 GL-P4, §4.3',
    text: 'every listing query uses an index scan (`explain()`); audit_events, jobs and changeset_comments at more than 1,000,000 documents',
  },
  gatherer: queryPlans,
  profiles: ['smoke', 'standard', 'golive'],
  limits: [],
  evaluate(evidence) {
    const [examined] = evidence.volume.map(({ documents }) => documents).sort((a, b) => a - b)
    return verdictOf({
      findings: [
        walkedFinding(evidence),
        indexFinding(evidence.plans),
        otherFinding(evidence),
        ...evidence.volume.map(volumeFinding),
      ],
      whenPassed: `${evidence.plans.length} listing queries use an index, with ${examined ?? 0} documents or more in each large collection`,
      headline: {
        measured: { value: evidence.plans.length, unit: 'queries', label: 'explained' },
        n: evidence.plans.length,
      },
      verifiedBy: evidence.source === 'observed' ? ['http', 'mongo'] : ['mongo'],
      tables: [planTable(evidence.plans)],
      remedy:
        'create an index that begins with the fields that the query compares for equality, then those it sorts by',
    })
  },
}

export const sortedByIndex: Check<QueryPlanEvidence> = {
  id: 'GL-P4.sort',
  title: 'Every list comes from its index in order',
  failureTitle: 'Lists are sorted in memory at every request',
  requirement: {
    level: 'SHOULD',
    source: 'data-and-runtime §1.6, expected plans',
    text: 'listing queries need no in-memory sort',
  },
  gatherer: queryPlans,
  profiles: ['smoke', 'standard', 'golive'],
  limits: [],
  evaluate({ plans }) {
    const known = plans.filter(({ stages, collection }) => stages !== null && !FEW.has(collection))
    const sorted = known.filter(({ sorted_in_memory }) => sorted_in_memory)
    const claim = 'no listing query sorts in memory'
    const n = known.length
    const finding: Finding =
      n === 0
        ? { claim, outcome: 'not-verified', because: 'no query could be explained', n }
        : sorted.length > 0
          ? {
              claim,
              outcome: 'fail',
              because: `${sorted.length} of ${n} sort in memory, first ${named(sorted[0]!)}`,
              n,
            }
          : { claim, outcome: 'pass', because: `${n} of ${n}`, n }
    return verdictOf({
      findings: [finding],
      whenPassed: `none of ${n} listing queries sorts in memory`,
      verifiedBy: ['mongo'],
      tables: [planTable(sorted)],
      remedy: 'end the index with the fields that the list is sorted by, in their order',
    })
  },
}

/** Few by nature and not paged, or expected to be sorted (§1.6): a person's apps, an app's members, a change's overrides. */
const FEW: ReadonlySet<string> = new Set([
  'apps',
  'app_memberships',
  'environments',
  'runtime_profiles',
  'changeset_profile_overrides',
])

/** What was not answered says nothing of its queries. */
function walkedFinding({ source, steps, plans }: QueryPlanEvidence): Finding {
  const claim = 'every list was asked'
  if (source === 'table') {
    return {
      claim,
      outcome: 'not-verified',
      because: `what the server asks cannot be watched here: ${plans.length} specified queries were explained in its place`,
    }
  }
  const refused = steps.filter(({ status }) => status !== 200)
  const [first] = refused
  if (steps.length === 0 || first !== undefined) {
    return {
      claim,
      outcome: 'not-verified',
      because:
        first === undefined
          ? 'no list was asked'
          : `${refused.length} of ${steps.length} lists were not answered, first ${first.name} (${first.status === null ? 'not asked' : `HTTP ${first.status}`})`,
    }
  }
  return { claim, outcome: 'pass', because: `${steps.length} lists`, n: steps.length }
}

function indexFinding(plans: readonly QueryPlan[]): Finding {
  const claim = 'no listing query reads a collection from end to end'
  const n = plans.length
  if (n === 0) return { claim, outcome: 'not-verified', because: 'no listing query could be explained', n }
  const scans = plans.filter((plan) => isIndexed(plan) === false)
  if (scans.length > 0) {
    return {
      claim,
      outcome: 'fail',
      because: `${scans.length} of ${n} listing queries read a whole collection, first ${named(scans[0]!)}`,
      n,
    }
  }
  const unknown = plans.filter((plan) => isIndexed(plan) === undefined)
  if (unknown.length > 0) {
    return {
      claim,
      outcome: 'not-verified',
      because: `${unknown.length} of ${n} listing queries could not be explained, first ${named(unknown[0]!)}: ${unknown[0]!.error || 'no plan'}`,
      n,
    }
  }
  return { claim, outcome: 'pass', because: `${n} of ${n}`, n }
}

function otherFinding({ source, other_scans }: QueryPlanEvidence): Finding {
  const claim = 'nothing else reads a large collection from end to end'
  if (source === 'table')
    return { claim, outcome: 'not-verified', because: 'what the server asks cannot be watched here' }
  const [first] = other_scans
  return first === undefined
    ? { claim, outcome: 'pass', because: 'none was seen while the lists were read' }
    : {
        claim,
        outcome: 'fail',
        because: `${first.app ?? 'something'} reads all of ${first.collection}: ${first.command} ${first.shape}`,
      }
}

function volumeFinding({ collection, documents, wanted }: QueryPlanEvidence['volume'][number]): Finding {
  const claim = `${collection} was large`
  return documents >= wanted
    ? { claim, outcome: 'pass', because: `${documents} documents`, n: documents }
    : {
        claim,
        outcome: 'not-verified',
        because: `${collection} has ${documents} documents, ${wanted} are asked for`,
        n: documents,
      }
}

function named({ asked_by, collection, command, shape }: QueryPlan): string {
  return `${asked_by}: ${command} ${collection} ${shape}`
}

function planTable(plans: readonly QueryPlan[]): Table {
  return {
    title: 'Listing queries, as the database explains them',
    columns: [
      'asked by',
      'query',
      'plan',
      'index',
      'keys',
      'documents',
      'returned',
      'documents a row',
      'sort in memory',
    ],
    rows: plans.map((plan) => [
      plan.asked_by,
      `${plan.command} ${plan.collection} ${plan.shape}`,
      plan.stages?.join(' ← ') ?? plan.logged_plan ?? (plan.error || 'not known'),
      plan.indexes.join(', '),
      shown(plan.keys_examined),
      shown(plan.documents_examined),
      shown(plan.returned),
      plan.documents_examined === null || !plan.returned ? '' : (plan.documents_examined / plan.returned).toFixed(1),
      plan.sorted_in_memory ? 'yes' : '',
    ]),
  }
}

function shown(count: number | null): string {
  return count === null ? '' : String(count)
}
