// Histories made by hand, for the tests of what judges them: a steady mix of every class, in which a test changes something.

import type { Operation, OperationClass } from '../workload/history.ts'
import type { EffectKind, Reading } from '../workload/readings.ts'
import type { StateChange } from '../workload/state-log.ts'

let ids = 0

/** Acknowledged after 20 ms, unless it is said otherwise. */
export function operation(changes: Partial<Operation> = {}): Operation {
  const invoked_ms = changes.invoked_ms ?? 0
  return {
    id: ++ids,
    process: 1,
    f: 'read-app',
    class: 'plain-read',
    key: null,
    on: {},
    invoked_ms,
    ended_ms: invoked_ms + 20,
    type: 'ok',
    status: 200,
    code: null,
    because: null,
    made: {},
    saw: [],
    ...changes,
  }
}

export const refused = (status: number, code: string): Partial<Operation> => ({
  type: status >= 500 ? 'info' : 'fail',
  status,
  code,
  because: `HTTP ${status} ${code}`,
})

export const unanswered: Partial<Operation> = {
  type: 'info',
  status: 0,
  because: 'no answer (ECONNRESET: read ECONNRESET)',
}

/** One operation of each class every `every_ms`. */
export function steady(
  classes: readonly OperationClass[],
  { from_ms = 0, to_ms, every_ms = 200 }: { from_ms?: number; to_ms: number; every_ms?: number },
): Operation[] {
  const operations: Operation[] = []
  for (let at = from_ms; at < to_ms; at += every_ms) {
    for (const name of classes) {
      const isJobs = name === 'jobs'
      operations.push(
        operation({ class: name, invoked_ms: at, f: isJobs ? 'list-jobs' : name, on: isJobs ? { app: 'app' } : {} }),
      )
    }
  }
  return operations
}

/** A poll of the health, in which all is well unless it is said otherwise. */
export function poll(invoked_ms: number, sick: Readonly<Record<string, string>> = {}): Operation {
  const unhealthy = Object.values(sick).includes('unhealthy')
  const components = { mongodb: 'healthy', gitaly: 'healthy', job_runner: 'healthy', ...sick }
  return operation({
    f: 'health',
    class: 'health',
    invoked_ms,
    ended_ms: invoked_ms + 5,
    ...(unhealthy ? { type: 'fail', status: 503 } : {}),
    saw: Object.entries(components).map(([id, state]) => ({ kind: 'component', id, state })),
  })
}

export function polls(from_ms: number, to_ms: number, sick: Readonly<Record<string, string>> = {}): Operation[] {
  return Array.from({ length: Math.floor((to_ms - from_ms) / 100) }, (_, index) => poll(from_ms + index * 100, sick))
}

export const comment = (key: string, changes: Partial<Operation> = {}) =>
  operation({ f: 'comment', class: 'plain-write', key, status: 201, made: { comment: `id-of-${key}` }, ...changes })

export const write = (key: string, changes: Partial<Operation> = {}) =>
  operation({ f: 'write-file', class: 'git-write', key, made: { commit: `commit-of-${key}` }, ...changes })

/** A reading that read these kinds whole. */
export function reading(
  source: Reading['source'],
  found: readonly [EffectKind, string, number?][],
  whole: readonly EffectKind[] = ['file', 'commit', 'comment', 'changeset'],
): Reading {
  return {
    source,
    effects: found.map(([kind, key, count = 1]) => ({ kind, key, count })),
    whole: [...whole],
    rows: [],
    whole_rows: ['release', 'deployment', 'temp-env', 'job'],
    unread: [],
  }
}

export function change(
  kind: string,
  from: string | null,
  to: string | null,
  more: Partial<StateChange> = {},
): StateChange {
  return { at_ms: 0, kind, id: 'x', from, to, ...more }
}
