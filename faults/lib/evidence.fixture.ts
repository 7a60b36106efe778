// Evidence of a fault made by hand, for the tests of its checks: a control run, and an episode in which the database is away for
// some seconds and everything is as it should be. A test changes something in it.

import type { Lines } from '../../harness/check.ts'
import { change, comment, operation, polls, refused, steady, write } from './checkers/history.fixture.ts'
import type { Episode, FaultEvidence } from './evidence.ts'
import type { HistoryLine, Operation } from './workload/history.ts'

export interface Case {
  evidence: FaultEvidence
  /** By the file of the history. */
  histories: Record<string, Operation[]>
}

const RATES = { 'git-read': 5, 'git-write': 5, 'plain-read': 5, 'plain-write': 5, jobs: 5 }
const MIX = ['git-read', 'git-write', 'plain-read', 'plain-write', 'jobs'] as const

/** Requested at 6 s, seen at once, over at 11 s; watched until 30 s. */
export const FAULT = { from_ms: 6_000, over_ms: 11_000, end_ms: 30_000 }

export function soundCase(name: string): Case {
  const control = episodeOf('control', null)
  const episode = episodeOf(name, {
    fault: 'lost',
    title: 'the primary of the database is lost',
    requested_at_ms: FAULT.from_ms,
    observed_at_ms: FAULT.from_ms + 10,
    observed: ['it is no longer the primary'],
    unobserved_because: null,
    over_at_ms: FAULT.over_ms,
    healed_at_ms: FAULT.over_ms,
    confirmed_at_ms: FAULT.over_ms + 10,
    confirmed: ['the term rose from 1 to 2'],
    unconfirmed_because: null,
  })
  return {
    evidence: { schema: 'readiness-fault/1', election_timeout_ms: 2_000, control, episodes: [episode] },
    histories: { 'control.jsonl': calm('control'), [`${name}.jsonl`]: disturbed(name) },
  }
}

/** As the files have it. */
export function linesOf({ histories }: Case): Lines {
  return (file) => histories[file]!.flatMap(asLines).sort((a, b) => a.t - b.t)
}

function asLines(one: Operation): HistoryLine[] {
  const { id, process, f, class: of, key, on, invoked_ms, ended_ms, type, status, code, because, made, saw } = one
  const common = { id, process, f, class: of }
  return [
    { ...common, t: invoked_ms, type: 'invoke', key, on },
    ...(ended_ms === null
      ? []
      : [{ ...common, t: ended_ms, type, status, code, because, made: { ...made }, saw: [...saw] }]),
  ]
}

/** A change's way through everything, between the steps of the mix. */
function flow(label: string, at_ms: number): Operation[] {
  const on = { app: 'app', changeset: `${label}-changeset`, release: `${label}-release`, 'temp-env': `${label}-temp` }
  const enqueue = (id: string, position: number, invoked_ms: number) =>
    operation({
      f: 'enqueue',
      class: 'plain-write',
      on: { app: 'app', changeset: id },
      invoked_ms,
      saw: [{ kind: 'changeset', id, state: 'queued', position }],
    })
  return [
    enqueue('first', 1, at_ms),
    enqueue('second', 2, at_ms + 100),
    operation({ f: 'create-release', class: 'release', on, made: { release: on.release }, invoked_ms: at_ms + 200 }),
    operation({ f: 'deploy', class: 'deploy', on, made: { deployment: `${label}-d1` }, invoked_ms: at_ms + 300 }),
    operation({ f: 'promote', class: 'promotion', on, made: { deployment: `${label}-d2` }, invoked_ms: at_ms + 400 }),
    operation({
      f: 'create-temp-env',
      class: 'temp-env',
      on,
      made: { 'temp-env': `${label}-temp` },
      invoked_ms: at_ms + 500,
    }),
    operation({ f: 'delete-temp-env', class: 'temp-env', on, invoked_ms: at_ms + 600 }),
    operation({ f: 'submit', class: 'plain-write', key: `${label}-key`, on, invoked_ms: at_ms + 700 }),
    comment(`${label}-comment`, { invoked_ms: at_ms + 800 }),
    write(`${label}-write`, { invoked_ms: at_ms + 900 }),
  ]
}

function calm(label: string): Operation[] {
  return [...steady(MIX, { to_ms: FAULT.end_ms }), ...flow(label, 1_000), ...polls(0, FAULT.end_ms)]
}

function disturbed(label: string): Operation[] {
  const mix = steady(MIX, { to_ms: FAULT.end_ms })
  for (const one of mix) {
    if (one.invoked_ms < FAULT.from_ms || one.invoked_ms >= FAULT.over_ms) continue
    Object.assign(one, refused(503, 'unavailable'), { ended_ms: one.invoked_ms + 900 })
  }
  return [
    ...mix,
    ...flow(label, 1_000),
    comment(`${label}-after`, { invoked_ms: 15_000 }),
    ...polls(0, FAULT.from_ms),
    ...polls(FAULT.from_ms, FAULT.over_ms, { mongodb: 'unhealthy' }),
    ...polls(FAULT.over_ms, FAULT.end_ms),
  ]
}

function episodeOf(name: string, fault: Episode['fault']): Episode {
  const rows = [
    { kind: 'release', id: `${name}-release`, state: 'published' },
    { kind: 'deployment', id: `${name}-d1`, state: 'succeeded', place: 'dev' },
    { kind: 'deployment', id: `${name}-d2`, state: 'succeeded', place: 'qa' },
    { kind: 'temp-env', id: `${name}-temp`, state: 'deleted' },
  ]
  const whole_rows = ['release', 'deployment', 'temp-env', 'job', 'changeset']
  const comments = [`${name}-comment`, ...(fault === null ? [] : [`${name}-after`])].map((key) => ({
    kind: 'comment' as const,
    key,
    count: 1,
  }))
  const file = { kind: 'file' as const, key: `${name}-write`, count: 1 }
  const commit = { kind: 'commit' as const, key: `${name}-write`, count: 1 }
  const conman = [
    { name: 'conman-api', pid: 11, starts: 1, running: true },
    { name: 'conman-worker', pid: 12, starts: 1, running: true },
  ]
  return {
    name,
    began_at: '2026-01-01T00:00:00.000Z',
    fault,
    history: `${name}.jsonl`,
    spans:
      fault === null
        ? {
            baseline: { from_ms: 0, to_ms: 20_000 },
            fault: null,
            recovery: null,
            settled: { from_ms: 20_000, to_ms: FAULT.end_ms },
          }
        : {
            baseline: { from_ms: 0, to_ms: FAULT.from_ms },
            fault: { from_ms: FAULT.from_ms, to_ms: FAULT.over_ms },
            recovery: { from_ms: FAULT.over_ms, to_ms: 20_000 },
            settled: { from_ms: 20_000, to_ms: FAULT.end_ms },
          },
    load: { rates: RATES, users: 12, lag_ms_max: 3, held_back: {}, throttled: 0, stories: [] },
    other_load: [{ from_ms: 0, to_ms: FAULT.end_ms, share: 0.05 }],
    primaries: [
      { at_ms: 10, primary: 'a', term: 1, members: 3 },
      ...(fault === null
        ? []
        : [
            { at_ms: FAULT.from_ms + 10, primary: null, term: null, members: 2 },
            { at_ms: FAULT.over_ms, primary: 'b', term: 2, members: 2 },
          ]),
    ],
    processes: { before: conman, after: structuredClone(conman) },
    there_before: [],
    fresh_write: true,
    readings: [
      {
        source: 'api',
        effects: [...comments, file],
        whole: ['comment', 'changeset', 'file'],
        rows,
        whole_rows,
        unread: [],
      },
      { source: 'database', effects: comments, whole: ['comment', 'changeset'], rows, whole_rows, unread: [] },
      { source: 'git', effects: [commit, file], whole: ['commit', 'file'], rows: [], whole_rows: [], unread: [] },
    ],
    states: [
      change('job', null, 'queued', { id: 'j' }),
      change('job', 'queued', 'running', { id: 'j' }),
      change('deployment', null, 'pending', { id: 'd', place: 'dev' }),
    ],
    states_because: null,
    trail: {
      audit: {
        source: 'database',
        rows: [`${name}-comment`, `${name}-after`].map((key) => ({
          entity_type: 'comment',
          action: 'created',
          entity_id: `id-of-${key}`,
          commit: null,
        })),
      },
      outbox: [
        {
          event: 'changeset_submitted',
          recipient: 'r',
          subject: `[app] Changeset submitted: ${name}-key`,
          state: 'sent',
        },
      ],
    },
  }
}
