// The pictures and the table of figures that stand beside the editing load's verdicts.

import type { Chart, Table } from '../../harness/check.ts'
import { figuresTable, generatorRows, latencyCharts, latencyRows, type Shown } from '../lib/pictures.ts'
import { loadOf } from './claims.ts'
import type { EditEvidence } from './evidence.ts'

export function charts(evidence: EditEvidence, limit: number, label: string): Chart[] {
  return latencyCharts('edits', shownOf(evidence), { value: limit, label })
}

export function figures(evidence: EditEvidence): Table {
  const edits = shownOf(evidence)
  return figuresTable([...latencyRows('edits', edits), ...skewRows(edits), ...generatorRows(loadOf(evidence))])
}

type Edit = Shown & { user: number }

function shownOf({ edits }: EditEvidence): Edit[] {
  return edits.flatMap(({ user, path, started_ms, duration_ms, status, commit, error }) =>
    started_ms === null || duration_ms === null
      ? []
      : {
          user,
          started_ms,
          duration_ms,
          status: status ?? 0,
          // A 2xx that names no commit acknowledges nothing.
          failed: commit === null,
          label: `user ${user}, ${path}${error ? ` (${error})` : ''}`,
        },
  )
}

function skewRows(edits: readonly Edit[]): string[][] {
  if (edits.length === 0) return []
  const firsts = new Map<number, number>()
  for (const { user, started_ms } of edits) {
    firsts.set(user, Math.min(firsts.get(user) ?? Number.POSITIVE_INFINITY, started_ms))
  }
  const skew = Math.max(...firsts.values()) - Math.min(...firsts.values())
  return [['Start skew', `${skew.toFixed(0)} ms between the first and the last user's first edit`]]
}
