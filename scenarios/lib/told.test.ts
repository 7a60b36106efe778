// What was told of changes, on evidence: what is missing, doubled or told to the wrong ones fails; what may have got lost by an
// election, or could not be seen, is not verified.

import { describe, expect, test } from 'vitest'
import type { Finding } from '../../harness/check.ts'
import { worst } from '../../harness/verdict.ts'
import type { Aftermath } from './deeds.ts'
import { soundAftermath, to } from './told.fixture.ts'
import { toldFindings } from './told.ts'

function judge(change: (aftermath: Aftermath) => void = () => {}, primaryChanged: boolean | null = false): Finding[] {
  const aftermath = soundAftermath()
  change(aftermath)
  return toldFindings(aftermath, primaryChanged)
}

/** What is said of those that decide. */
function said(findings: readonly Finding[]): string {
  const outcome = worst(findings.map((finding) => finding.outcome))
  return `${outcome}: ${findings
    .filter((finding) => finding.outcome === outcome)
    .map(({ because }) => because)
    .join('; ')}`
}

const rows = (aftermath: Aftermath) => aftermath.audit!.rows
const sent = (aftermath: Aftermath) => aftermath.mails!.sent

test('all told as it should be, with how many mails that are', () => {
  const findings = judge()
  expect(said(findings)).toContain('pass:')
  expect(findings.map(({ outcome }) => outcome)).toEqual(Array(8).fill('pass'))
  expect(findings.find(({ claim }) => claim.startsWith('everybody'))).toMatchObject({ n: 12 })
})

describe('the target’s failures', () => {
  test.each<[string, (aftermath: Aftermath) => void, string]>([
    [
      'a missing row',
      (a) => rows(a).splice(1, 1),
      '1 of 10 acknowledged changes have no audit row, first comment/created of comment-1',
    ],
    ['one of two rows', (a) => rows(a).splice(2, 1), 'first workspace/updated of workspace-1'],
    ['a row of another commit', (a) => (rows(a)[0]!.commit = 'beef'), 'first file/written of commit c0ffee'],
    [
      'a row twice',
      (a) => rows(a).push(rows(a)[1]!),
      'more rows than there were, first comment/created of comment-1 (2 for 1)',
    ],
    ['a name of old', (a) => (rows(a)[0]!.name = 'workspace/file_written'), 'workspace/file_written for file/written'],
    [
      'somebody else’s name',
      (a) => (rows(a)[1]!.actor = 'user-1'),
      'rows name somebody else, first comment/created of comment-1: user-1',
    ],
    [
      'a lost mail',
      (a) => sent(a).splice(1, 1),
      '1 of 12 mails were not sent within 2 s, first changeset_submitted about ‘Change 1.’ to app_admin admin-1',
    ],
    [
      'a mail twice',
      (a) => sent(a).push(sent(a)[2]!),
      '1 mails came too often, first changeset_approved about ‘Change 2.’ to user user-2 (2 for 1)',
    ],
    [
      'a mail to who did it',
      (a) => sent(a).push(...to('changeset_submitted', 'Change 1.', 'reviewer-1')),
      '1 mails went to who did it',
    ],
    [
      'one to a mere user',
      (a) => sent(a).push(...to('changeset_queued', 'Change 2.', 'user-1')),
      'whom it does not concern, first changeset_queued about ‘Change 2.’ to user user-1',
    ],
    [
      'one to nobody of the app',
      (a) => sent(a).push(...to('release_created', 'r2026.11.25.1', null)),
      'to somebody else',
    ],
    [
      'a deployment told twice',
      (a) => sent(a).push(...to('deployment_succeeded', null, 'user-1')),
      'deployment_succeeded to user user-1 (2 for 1)',
    ],
    [
      'none of an event',
      (a) => (a.mails!.sent = sent(a).filter(({ event }) => event !== 'deployment_started')),
      'first deployment_started to app_admin admin-1',
    ],
  ])('%s fails, for that reason', (_, change, reason) => {
    expect(said(judge(change))).toMatch(/^fail: /)
    expect(said(judge(change))).toContain(reason)
  })

  test('rows that are missing in numbers are no rare loss, also where an election could not be seen', () => {
    expect(said(judge((a) => rows(a).splice(1, 1), null))).toMatch(/^fail: 1 of 10/)
  })
})

describe('what is not the target’s, or could not be seen', () => {
  test.each<[string, (aftermath: Aftermath) => void, string]>([
    ['no audit log', (a) => (a.audit = null), 'neither the database nor an audit route could be read'],
    ['no outbox', (a) => (a.mails = null), 'the mails that it would send cannot be read: hand over CONMAN_OUTBOX_FILE'],
    ['an acknowledgement that names nothing', (a) => (a.deeds[1]!.entity = null), '1 answers do not say what was made'],
    [
      'subjects that name nothing',
      (a) => (a.mails!.sent = sent(a).map((mail) => ({ ...mail, title: null }))),
      'subjects do not say what they are about: changeset_submitted',
    ],
    ['an outbox that was replaced', (a) => lose(a, { whole: false }), 'but the outbox could not be read whole'],
    ['an outbox with other lines', (a) => lose(a, { unreadable: 3 }), 'but 3 lines of the outbox are no mail'],
    ['nobody who did what he is told of', (a) => notActing(a), 'there was nothing to look at'],
    ['nothing was done', (a) => nothing(a), 'there was nothing to look at'],
  ])('%s: not verified', (_, change, reason) => {
    expect(said(judge(change))).toMatch(/^not-verified: /)
    expect(said(judge(change))).toContain(reason)
  })

  test('a row that an election may have cost is not held against the target (DC5)', () => {
    expect(said(judge((a) => rows(a).splice(1, 1), true))).toMatch(/^not-verified: .*changed its primary meanwhile/)
  })

  test('one row in hundreds, where an election could not be seen', () => {
    const many = (a: Aftermath) => {
      for (let number = 2; number < 200; number += 1) {
        a.deeds.push({ ...a.deeds[1]!, entity: `comment-${number}` })
        rows(a).push({ ...rows(a)[1]!, entity: `comment-${number}` })
      }
      rows(a).splice(1, 1)
    }
    expect(said(judge(many, null))).toMatch(/^not-verified: 1 of 208 .*rare loss is accepted/)
    expect(said(judge(many, false))).toMatch(/^fail: /)
  })
})

describe('what nobody can hold against it', () => {
  test.each<[string, (aftermath: Aftermath) => void]>([
    ['a change that nobody acknowledged, not told', (a) => a.deeds.push(unknown())],
    [
      'a change that nobody acknowledged, told',
      (a) => {
        a.deeds.push(unknown())
        rows(a).push({ name: 'changeset/submitted', entity: 'change-9', commit: null, actor: 'user-1' })
        sent(a).push(...to('changeset_submitted', 'Change 9.', 'reviewer-1', 'admin-1'))
      },
    ],
    [
      'whoever wants no mails gets none',
      (a) => {
        a.people[4]!.wants_mails = false
        a.mails!.sent = sent(a).filter((mail) => mail.to !== 'admin-1')
      },
    ],
    [
      'a stranger’s wishes are not known',
      (a) => {
        a.people.push({ id: 'reviewer-9', role: 'reviewer', wants_mails: null })
      },
    ],
    ['both names of an event', (a) => rows(a).push({ ...rows(a)[1]!, name: 'changeset_comment/created' })],
    ['a job’s row names who began it', (a) => (rows(a)[9]!.actor = 'manager-1')],
    ['mails about other things', (a) => sent(a).push(...to('changeset_submitted', 'Another.', 'user-1'))],
  ])('%s: pass', (_, change) => {
    expect(said(judge(change))).toMatch(/^pass: /)
  })
})

function unknown(): Aftermath['deeds'][number] {
  return {
    name: 'changeset/submitted',
    actor: 'user-1',
    entity: 'change-9',
    commit: null,
    title: 'Change 9.',
    author: 'user-1',
    acknowledged: false,
  }
}

function lose(aftermath: Aftermath, how: Partial<NonNullable<Aftermath['mails']>>): void {
  sent(aftermath).splice(1, 1)
  Object.assign(aftermath.mails!, how)
}

function notActing(aftermath: Aftermath): void {
  aftermath.deeds = aftermath.deeds.filter(({ name }) => name === 'changeset/approved')
  aftermath.mails!.sent = sent(aftermath).filter(({ event }) => event === 'changeset_approved')
}

function nothing(aftermath: Aftermath): void {
  aftermath.deeds = []
  aftermath.audit!.rows = []
  aftermath.mails!.sent = []
}
