// Deeds against what was told of them: pure. The audit log by name and thing, mails by event, thing and person.

import { type Aftermath, type Deed, ruleOf } from './deeds.ts'

type AuditRow = NonNullable<Aftermath['audit']>['rows'][number]
type Mail = NonNullable<Aftermath['mails']>['sent'][number]
type Person = Aftermath['people'][number]

export interface AuditLedger {
  /** Deeds that were acknowledged, by the rows that they should have. */
  expected: number
  /** Acknowledged by an answer that does not say what was made: no row can be looked for. */
  nameless: string[]
  missing: string[]
  doubled: string[]
  /** Rows that have not E11's name. */
  misnamed: string[]
  /** Rows that name somebody else as who did it. */
  misattributed: string[]
}

export function reconcileAudit(deeds: readonly Deed[], rows: readonly AuditRow[]): AuditLedger {
  const ledger: AuditLedger = {
    expected: 0,
    nameless: [],
    missing: [],
    doubled: [],
    misnamed: [],
    misattributed: [],
  }
  const byKey = Map.groupBy(
    rows.flatMap((row) => [
      { row, key: `${row.name} ${row.entity}` },
      { row, key: `${row.name} commit ${row.commit}` },
    ]),
    ({ key }) => key,
  )
  for (const group of Map.groupBy(deeds, auditKey).values()) {
    const [deed] = group as [Deed]
    const acknowledged = group.filter((one) => one.acknowledged).length
    ledger.expected += acknowledged
    const thing = thingOf(deed)
    if (thing === null) {
      for (let count = 0; count < acknowledged; count += 1) ledger.nameless.push(deed.name)
      continue
    }
    const { also = [] } = ruleOf(deed.name)
    const found = (name: string) => (byKey.get(`${name} ${thing}`) ?? []).map(({ row }) => row)
    const proper = found(deed.name)
    const others = also.map(found).find((some) => some.length > 0) ?? []
    const counted = proper.length > 0 ? proper : others
    const what = `${deed.name} of ${thing}`
    for (let count = counted.length; count < acknowledged; count += 1) ledger.missing.push(what)
    if (counted.length > group.length) ledger.doubled.push(`${what} (${counted.length} for ${group.length})`)
    if (proper.length === 0 && others.length > 0) ledger.misnamed.push(`${others[0]!.name} for ${deed.name}`)
    const actors = new Set(group.map(({ actor }) => actor))
    // Whom the row of a job's work names is nowhere said.
    const wrong = actors.has(null) ? [] : counted.filter(({ actor }) => !actors.has(actor))
    if (wrong.length > 0) ledger.misattributed.push(`${what}: ${wrong[0]!.actor ?? 'nobody'}`)
  }
  return ledger
}

/** How a row of the audit log and a deed name one thing. */
export function thingOf({ name, entity, commit }: Deed): string | null {
  if (ruleOf(name).byCommit) return commit === null ? null : `commit ${commit}`
  return entity
}

function auditKey(deed: Deed): string {
  return `${deed.name} ${thingOf(deed)}`
}

export interface MailLedger {
  /** Mails that must be there. */
  expected: number
  missing: string[]
  doubled: string[]
  /** To who did it, though nothing wants that. */
  toActor: string[]
  /** To somebody whom the event does not concern. */
  strangers: string[]
  /** Deeds whose actor has a role that is told: where there is none, leaving out the actor was not put to the test. */
  actorsLeftOut: number
  /** Events whose mails name none of the things that they are about. */
  untold: string[]
}

export function reconcileMails(deeds: readonly Deed[], people: readonly Person[], sent: readonly Mail[]): MailLedger {
  const ledger: MailLedger = {
    expected: 0,
    missing: [],
    doubled: [],
    toActor: [],
    strangers: [],
    actorsLeftOut: 0,
    untold: [],
  }
  const found = new Map<string, number>()
  for (const { event, to, title } of sent) {
    const key = mailKey(event, title, to)
    found.set(key, (found.get(key) ?? 0) + 1)
  }
  const told = deeds.filter(({ name }) => ruleOf(name).mail !== undefined)
  for (const group of Map.groupBy(told, ({ name, title }) => `${name} ${title}`).values()) {
    const [{ name, title }] = group as [Deed]
    const { event } = ruleOf(name).mail!
    const subject = title === null ? event : `${event} about ‘${title}’`
    const ofEvent = sent.filter((mail) => mail.event === event)
    if (title !== null && ofEvent.length > 0 && ofEvent.every((mail) => mail.title === null)) {
      ledger.untold.push(event)
      continue
    }
    for (const deed of group) ledger.actorsLeftOut += people.some((one) => leavesOut(deed, one)) ? 1 : 0
    for (const person of [...people, null]) {
      const concerned = person === null ? [] : group.filter((deed) => concerns(deed, person))
      const least = person?.wants_mails === true ? concerned.filter(({ acknowledged }) => acknowledged).length : 0
      const count = found.get(mailKey(event, title, person?.id ?? null)) ?? 0
      const who = person === null ? 'somebody else' : `${person.role} ${person.id}`
      ledger.expected += least
      for (let missing = count; missing < least; missing += 1) ledger.missing.push(`${subject} to ${who}`)
      if (count <= concerned.length) continue
      if (concerned.length > 0) ledger.doubled.push(`${subject} to ${who} (${count} for ${concerned.length})`)
      else if (group.some(({ actor }) => actor !== null && actor === person?.id)) {
        ledger.toActor.push(`${subject} to ${who}, who did it`)
      } else ledger.strangers.push(`${subject} to ${who}`)
    }
  }
  ledger.untold = [...new Set(ledger.untold)]
  return ledger
}

function mailKey(event: string, title: string | null, to: string | null): string {
  return JSON.stringify([event, title, to])
}

/** By role or as the author, and not who did it. */
function concerns(deed: Deed, person: Person): boolean {
  return isAmong(deed, person) && deed.actor !== person.id
}

function leavesOut(deed: Deed, person: Person): boolean {
  return isAmong(deed, person) && deed.actor === person.id
}

function isAmong({ name, author: of }: Deed, { id, role }: Person): boolean {
  const { roles, author } = ruleOf(name).mail!
  return roles.includes(role) || (author === true && of === id)
}
