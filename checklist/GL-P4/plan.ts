// Reads what `explain` answers. Its form differs between find and aggregate, between engines and between versions of
// MongoDB; what does not differ is that each stage says `stage` and that an index says its name.

import { recordOf } from '../../harness/target/conman.ts'
import type { QueryPlan } from './evidence.ts'

type Explained = Pick<
  QueryPlan,
  'stages' | 'indexes' | 'keys_examined' | 'documents_examined' | 'returned' | 'sorted_in_memory'
>

export function readExplanation(explanation: unknown): Explained {
  const winning = findAll(explanation, 'winningPlan')
  const stages = winning.flatMap((plan) => textsOf(plan, 'stage'))
  return {
    stages: stages.length === 0 ? null : stages,
    indexes: [...new Set(winning.flatMap((plan) => textsOf(plan, 'indexName')))],
    keys_examined: sum(findAll(explanation, 'totalKeysExamined')),
    documents_examined: sum(findAll(explanation, 'totalDocsExamined')),
    returned: returnedBy(explanation),
    // `SORT_MERGE` takes what several indexes have sorted.
    sorted_in_memory: stages.some((stage) => stage === 'SORT' || stage === 'sort') || hasSortStage(explanation),
  }
}

/** Whether each way to the documents leads through an index: nothing is read from end to end. */
export function isIndexed({ stages, logged_plan }: Pick<QueryPlan, 'stages' | 'logged_plan'>): boolean | undefined {
  const seen = [...(stages ?? []), ...(logged_plan === null ? [] : [logged_plan])]
  if (seen.some((plan) => /COLLSCAN/.test(plan))) return false
  if (seen.some((plan) => /IXSCAN|ixseek|IDHACK|COUNT_SCAN|DISTINCT_SCAN|EXPRESS/.test(plan))) return true
  // `EOF`: there is no such collection, and nothing was planned.
  return undefined
}

/** What a client may send with it is left out: sessions, concerns, times. */
const KEPT: Readonly<Record<string, readonly string[]>> = {
  find: ['filter', 'sort', 'projection', 'skip', 'limit', 'singleBatch', 'hint', 'collation'],
  aggregate: ['pipeline', 'cursor', 'hint', 'collation'],
  count: ['query', 'limit', 'skip', 'hint', 'collation'],
  distinct: ['key', 'query', 'collation'],
}

/** The command to be explained, or undefined for one that cannot be. */
export function explainable(name: string, command: Record<string, unknown>): Record<string, unknown> | undefined {
  const kept = KEPT[name]
  if (kept === undefined) return undefined
  return Object.fromEntries(
    [name, ...kept].filter((key) => command[key] !== undefined).map((key) => [key, command[key]]),
  )
}

function findAll(value: unknown, key: string): unknown[] {
  if (Array.isArray(value)) return value.flatMap((inner) => findAll(inner, key))
  const record = recordOf(value)
  if (record === undefined) return []
  return Object.entries(record).flatMap(([name, inner]) => (name === key ? [inner] : findAll(inner, key)))
}

function textsOf(value: unknown, key: string): string[] {
  return findAll(value, key).filter((found) => typeof found === 'string')
}

function sum(numbers: readonly unknown[]): number | null {
  return numbers.length === 0 ? null : numbers.reduce<number>((total, number) => total + Number(number), 0)
}

/** Of the whole command: the last stage of a pipeline, else of its one query. */
function returnedBy(explanation: unknown): number | null {
  const stages = recordOf(explanation)?.stages
  const last = Array.isArray(stages) ? recordOf(stages.at(-1)) : undefined
  const [number] = last === undefined ? findAll(explanation, 'nReturned') : [last.nReturned]
  return number === undefined ? null : Number(number)
}

function hasSortStage(explanation: unknown): boolean {
  const stages = recordOf(explanation)?.stages
  return Array.isArray(stages) && stages.some((stage) => recordOf(stage)?.$sort !== undefined)
}
