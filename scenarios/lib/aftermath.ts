// After a load: looks for what was told of it, in the audit log and in the outbox, until it is there or its time is over.
// Touches the world, judges nothing.

import { setTimeout as delay } from 'node:timers/promises'
import type { Run } from '../../harness/run.ts'
import { readAuditTrail } from '../../harness/target/audit-trail.ts'
import { type Mail, openOutbox } from '../../harness/target/outbox.ts'
import type { Person, Team } from '../../seed/team.ts'
import { type Aftermath, type Deed, ruleOf } from './deeds.ts'
import { reconcileAudit, reconcileMails, thingOf } from './told-ledger.ts'

/** Written with w:1 beside the answer (DC5); this long they may take to be readable. */
const AUDIT_WITHIN_MS = 10_000
const LOOK_EVERY_MS = 200

/** An outbox that a worker drains, 20 mails a second at the least (data-and-runtime §2.4), and as long again. */
const MAILS_A_SECOND = 20
const MAILS_WITHIN_MS_MIN = 30_000
/** A mail too many comes with the others or soon after: so long nothing more may have come. */
const QUIET_MS = 2_000

/** Opened before anything is done whose mails count; undefined where the outbox cannot be reached. */
export type Outbox = ReturnType<typeof openOutbox> | undefined

export function outboxOf({ target }: Run): Outbox {
  const file = target.handedOver?.outboxFile
  return file === undefined || !target.capabilities.has('outbox') ? undefined : openOutbox(file)
}

export async function aftermathOf(
  run: Run,
  { team, people, deeds, outbox }: { team: Team; people: readonly Person[]; deeds: Deed[]; outbox: Outbox },
): Promise<Aftermath> {
  run.progress.update('looking for what was told')
  const audit = await auditOf(run, team, deeds)
  const shown = people.map(({ id, role, wantsMails }) => ({ id, role, wants_mails: wantsMails }))
  const mails = outbox === undefined ? null : await mailsOf(run, { team, people, shown, deeds, outbox })
  return { deeds, people: shown, audit, mails }
}

async function auditOf(run: Run, { app, adminToken }: Team, deeds: readonly Deed[]): Promise<Aftermath['audit']> {
  const wanted = new Set(deeds.map(thingOf))
  const names = new Set(deeds.flatMap(({ name }) => [name, ...(ruleOf(name).also ?? [])]))
  const began = performance.now()
  for (;;) {
    const trail = await readAuditTrail(run.target, app.id, adminToken)
    if (trail === null) return null
    const rows = trail.rows.filter(
      ({ name, entity, commit }) => names.has(name) && (wanted.has(entity) || wanted.has(`commit ${commit}`)),
    )
    const waited_ms = Math.round(performance.now() - began)
    const { missing } = reconcileAudit(deeds, rows)
    if (missing.length === 0 || waited_ms > AUDIT_WITHIN_MS) return { source: trail.source, waited_ms, rows }
    await delay(LOOK_EVERY_MS, undefined, { signal: run.signal })
  }
}

async function mailsOf(
  run: Run,
  input: {
    team: Team
    people: readonly Person[]
    shown: Aftermath['people']
    deeds: readonly Deed[]
    outbox: NonNullable<Outbox>
  },
): Promise<NonNullable<Aftermath['mails']>> {
  const { team, people, shown, deeds, outbox } = input
  const { expected } = reconcileMails(deeds, shown, [])
  const within_ms = MAILS_WITHIN_MS_MIN + (2 * 1_000 * expected) / MAILS_A_SECOND
  const began = performance.now()
  let count = -1
  let since = began
  for (;;) {
    const { mails, unreadable, whole } = outbox.read()
    const now = performance.now()
    if (mails.length !== count) since = now
    count = mails.length
    const sent = mails.filter((mail) => isOfApp(mail, team.app)).flatMap((mail) => asSent(mail, people, deeds) ?? [])
    const { missing } = reconcileMails(deeds, shown, sent)
    if ((missing.length === 0 && now - since > QUIET_MS) || now - began > within_ms) {
      return { waited_ms: Math.round(now - began), unreadable, whole, sent }
    }
    run.progress.update(`waiting for mails: ${expected - missing.length} of ${expected}`)
    await delay(LOOK_EVERY_MS, undefined, { signal: run.signal })
  }
}

/** By its app, or where a mail names none by its subject: `[<app>] …`. */
function isOfApp({ appId, subject }: Mail, app: Team['app']): boolean {
  return appId === null ? subject.includes(app.name) : appId === app.id
}

/** Undefined: about something that none of the deeds is. */
function asSent(
  { event, recipient, userId, subject }: Mail,
  people: readonly Person[],
  deeds: readonly Deed[],
): NonNullable<Aftermath['mails']>['sent'][number] | undefined {
  const ofEvent = deeds.filter(({ name }) => ruleOf(name).mail?.event === event)
  if (ofEvent.length === 0) return undefined
  const to = people.find(({ id, email }) => id === userId || (email !== null && email === recipient))
  // A tag can begin another one.
  const [title = null] = ofEvent
    .flatMap((deed) => (deed.title !== null && subject.includes(deed.title) ? deed.title : []))
    .sort((a, b) => b.length - a.length)
  return { event, to: to?.id ?? null, title }
}
