// What a load claims about the queries of its target: none was slow by the database's own slow-query log. Pure.

import type { SeenCommand } from '../../checklist/lib/seen-command.ts'
import type { Finding, Limit, Table } from '../../harness/check.ts'
import { keeps } from '../../harness/verdict.ts'
import { excessOutcome } from './claims.ts'
import type { Instrument } from './load.ts'
import type { SlowQueries } from './slow-queries.ts'

export const SLOW_QUERY_LIMITS: Limit[] = [
  {
    name: 'query_ms_max',
    value: 100,
    unit: 'ms',
    compare: 'at-most',
    source: 'E12 §10 GL-P5: no MongoDB query > 100 ms under normal load',
  },
]

export function slowQueryFindings(queries: SlowQueries, limit: Limit, instrument: Instrument): Finding[] {
  return [logFinding(queries, limit), slowFinding(queries, limit, instrument)]
}

/** Without this an empty log would pass for a quick database. */
function logFinding({ because, members, unreachable }: SlowQueries, limit: Limit): Finding {
  const claim = 'every member logs what is slow'
  const n = members.length
  const complaints = members.flatMap(({ host, slow_ms, sample_rate, shows_control }) => [
    ...(slow_ms > limit.value ? [`${host} calls slow only what takes ${slow_ms} ms`] : []),
    ...(sample_rate < 1 ? [`${host} logs only ${sample_rate * 100} % of what is slow`] : []),
    ...(shows_control ? [] : [`the log of ${host} does not show a query that was made to be slow`]),
  ])
  if (unreachable.length > 0) complaints.push(`${unreachable.join(', ')} could not be reached`)
  if (because !== null || n === 0) complaints.push(because ?? 'no member was watched')
  return complaints.length > 0
    ? { claim, outcome: 'not-verified', because: complaints.join('; '), n }
    : { claim, outcome: 'pass', because: `${n} members, and each shows one that was made to be slow`, n }
}

function slowFinding({ because, members, slow }: SlowQueries, limit: Limit, instrument: Instrument): Finding {
  const claim = 'no query is slow'
  const n = members.reduce((sum, { operations }) => sum + operations, 0)
  if (because !== null || n === 0) {
    return { claim, outcome: 'not-verified', because: because ?? 'nothing was asked of the database', limit, n }
  }
  const late = slow.filter((query) => !keeps(workOf(query), limit)).sort((a, b) => workOf(b) - workOf(a))
  const [slowest] = late
  if (slowest === undefined) return { claim, outcome: 'pass', because: `0 of ${n} operations`, limit, n }
  const work_ms = workOf(slowest)
  const excess = `${late.length} of ${n} operations took longer than ${limit.value} ms, the slowest ${work_ms} ms: ${described(slowest)}`
  const measured = { value: work_ms, unit: 'ms', label: 'slowest query' }
  return { claim, ...excessOutcome(excess, work_ms, limit, instrument), measured, limit, n }
}

/** The wait for a write concern is for the other members' disks, which are not the target's where the stack is ours. */
function workOf({ duration_ms, write_concern_ms = 0 }: SeenCommand): number {
  return duration_ms - write_concern_ms
}

function described({ command, collection, plan, shape }: SeenCommand): string {
  return [command, collection ?? '', shape, plan === null ? '' : `by ${plan}`].filter((part) => part !== '').join(' ')
}

export function slowQueryTable({ slow, slow_in_all }: SlowQueries): Table {
  return {
    title: `What the database called slow (${slow_in_all})`,
    columns: [
      'ms',
      'of that for the write concern',
      'command',
      'collection',
      'plan',
      'documents looked at',
      'shape',
      'member',
    ],
    rows: slow
      .slice(0, 20)
      .map(
        ({ duration_ms, write_concern_ms = 0, command, collection, plan, documents_examined, shape, member, on }) => [
          String(duration_ms),
          String(write_concern_ms),
          command,
          collection ?? '',
          plan ?? '',
          documents_examined === null ? '' : String(documents_examined),
          shape,
          `${member} (${on})`,
        ],
      ),
  }
}
