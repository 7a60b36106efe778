// The trail is complete: each acknowledged deed has its row in the audit log, each submitted changeset its mails, none twice.
// Audit rows are written without waiting for a majority, and mails after the deed (DC5, specified-only): what was done while the
// database failed over may lack them.

import type { Operation } from '../workload/history.ts'
import type { Trail } from '../workload/trail.ts'
import { failed, inapplicable, type Judgement, passed, told, unverified } from './judgement.ts'
import type { Span } from './recovery.ts'

interface Entry {
  entities: readonly string[]
  actions: readonly string[]
  /** By which id, or by the commit that was made. */
  by: (operation: Operation) => { id?: string | undefined; commit?: string | undefined }
}

/** Both spellings: the real server's and E11's (data-and-runtime §3.7). */
const ENTRIES: Readonly<Record<string, Entry>> = {
  comment: {
    entities: ['comment', 'changeset_comment'],
    actions: ['created'],
    by: ({ made }) => ({ id: made.comment }),
  },
  'write-file': {
    entities: ['file', 'workspace'],
    actions: ['written', 'file_written'],
    by: ({ made }) => ({ commit: made.commit }),
  },
  'begin-changeset': { entities: ['changeset'], actions: ['created'], by: ({ made }) => ({ id: made.changeset }) },
  submit: { entities: ['changeset'], actions: ['submitted'], by: ({ on }) => ({ id: on.changeset }) },
  approve: { entities: ['changeset'], actions: ['approved', 'reviewed'], by: ({ on }) => ({ id: on.changeset }) },
  enqueue: { entities: ['changeset'], actions: ['queued'], by: ({ on }) => ({ id: on.changeset }) },
  'create-release': { entities: ['release'], actions: ['created'], by: ({ made }) => ({ id: made.release }) },
  publish: { entities: ['release'], actions: ['published'], by: ({ on }) => ({ id: on.release }) },
  deploy: { entities: ['deployment'], actions: ['started', 'created'], by: ({ made }) => ({ id: made.deployment }) },
  promote: {
    entities: ['deployment'],
    actions: ['promoted', 'started', 'created'],
    by: ({ made }) => ({ id: made.deployment }),
  },
  'create-temp-env': {
    entities: ['temp_environment'],
    actions: ['created'],
    by: ({ made }) => ({ id: made['temp-env'] }),
  },
  'delete-temp-env': {
    entities: ['temp_environment'],
    actions: ['deleted'],
    by: ({ on }) => ({ id: on['temp-env'] }),
  },
}

interface Input {
  operations: readonly Operation[]
  trail: Trail | null
  /** While the database failed over; null: it did not. */
  excused: Span | null
}

export function auditComplete({ operations, trail, excused }: Input): Judgement {
  const claim = 'every acknowledged deed has its audit row'
  const audit = trail?.audit ?? null
  if (audit === null) return unverified(claim, 'the audit log cannot be read')
  const deeds = operations.filter(({ f, type }) => type === 'ok' && ENTRIES[f] !== undefined)
  const missing = deeds.filter((deed) => !audit.rows.some((row) => isRowOf(row, deed)))
  // A kind of which there is not one row is told by another name, which is no loss.
  const nameless = [...new Set(deeds.map(({ f }) => f))].filter((f) =>
    deeds.filter((deed) => deed.f === f).every((deed) => missing.includes(deed)),
  )
  const lacking = missing.filter(({ f }) => !nameless.includes(f))
  const inexcusable = lacking.filter((deed) => !isIn(deed, excused))
  const n = deeds.length
  if (inexcusable.length > 0) {
    return failed(
      claim,
      `${inexcusable.length} of ${n} have no audit row, first ${told(inexcusable[0]!)}`,
      inexcusable,
      n,
    )
  }
  if (n === 0) return unverified(claim, 'nothing was acknowledged', 0)
  if (nameless.length > 0)
    return unverified(claim, `no row was found of any ${nameless.join(', ')}: they have another name, or none`, n)
  const lost =
    lacking.length === 0
      ? ''
      : `; ${lacking.length} are missing of what was done while the database failed over, which DC5 accepts`
  return passed(claim, `${n - lacking.length} of ${n}${lost}`, n)
}

export function outboxComplete({ operations, trail, excused }: Input): Judgement[] {
  const complete = 'every submitted changeset is told to its reviewers'
  const once = 'nobody is told twice'
  const mails = trail?.outbox ?? null
  if (mails === null)
    return [unverified(complete, 'the outbox cannot be read'), unverified(once, 'the outbox cannot be read')]
  const submitted = operations.filter(({ f, type, key }) => f === 'submit' && type === 'ok' && key !== null)
  const counts = new Map<string, number>()
  // Of what is done once: a release may well be deployed twice.
  for (const { event, recipient, subject } of mails) {
    if (!submitted.some((deed) => names(subject, deed))) continue
    const key = `${event} to ${recipient}: ${subject}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  const told_ = (deed: Operation) =>
    mails.some(({ event, subject }) => event === 'changeset_submitted' && names(subject, deed))
  const untold = submitted.filter((deed) => !told_(deed))
  const inexcusable = untold.filter((deed) => !isIn(deed, excused))
  const n = submitted.length
  // Subjects without what they are about cannot be told apart: real's.
  const named = counts.size > 0
  const twice = [...counts].filter(([, count]) => count > 1)
  return [
    n === 0
      ? unverified(complete, 'no changeset was submitted', 0)
      : !named
        ? unverified(complete, 'no mail names what it is about', n)
        : inexcusable.length > 0
          ? failed(
              complete,
              `${inexcusable.length} of ${n} were told to nobody, first ${told(inexcusable[0]!)}`,
              inexcusable,
              n,
            )
          : passed(complete, `${n - untold.length} of ${n}`, n),
    !named
      ? inapplicable(once, 'no mail names what it is about')
      : twice.length > 0
        ? failed(once, `${twice.length} mails stand twice in the outbox, first ${twice[0]![0].slice(0, 200)}`)
        : passed(once, `${counts.size} mails about changesets`, counts.size),
  ]
}

function isRowOf(row: NonNullable<Trail['audit']>['rows'][number], deed: Operation): boolean {
  const { entities, actions, by } = ENTRIES[deed.f]!
  if (!entities.includes(row.entity_type) || !actions.includes(row.action)) return false
  const { id, commit } = by(deed)
  return (id !== undefined && row.entity_id === id) || (commit !== undefined && row.commit === commit)
}

/** As a word of its own: one key may be the beginning of another. */
function names(subject: string, { key }: Operation): boolean {
  return subject.split(/\s+/).includes(key!)
}

function isIn({ invoked_ms, ended_ms }: Operation, span: Span | null): boolean {
  return span !== null && invoked_ms < span.to_ms && (ended_ms ?? span.to_ms) > span.from_ms
}
