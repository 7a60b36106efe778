// The outbox as a file that others write: from where it stood, whole lines only, and what is no mail is counted.

import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { mailsIn, openOutbox } from './outbox.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outbox-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const mail = (event_type: string) =>
  `${JSON.stringify({ event_type, recipient_email: 'A@readiness.test', user_id: 'u', app_id: 'a', subject: 's' })}\n`

test('only what came since it was opened, and no line that is still being written', () => {
  const file = join(folder, 'outbox')
  writeFileSync(file, mail('before'))
  const outbox = openOutbox(file)
  expect(outbox.read()).toEqual({ mails: [], unreadable: 0, whole: true })
  appendFileSync(file, `${mail('first')}${mail('second').slice(0, 20)}`)
  expect(outbox.read().mails).toEqual([
    { event: 'first', recipient: 'a@readiness.test', userId: 'u', appId: 'a', subject: 's' },
  ])
  appendFileSync(file, mail('second').slice(20))
  expect(outbox.read().mails.map(({ event }) => event)).toEqual(['first', 'second'])
})

test('a file that comes later is read whole; one that is replaced or gone is said not to be whole', () => {
  const file = join(folder, 'outbox')
  const outbox = openOutbox(file)
  expect(outbox.read()).toEqual({ mails: [], unreadable: 0, whole: true })
  writeFileSync(file, mail('first'))
  expect(outbox.read()).toMatchObject({ mails: [{ event: 'first' }], whole: true })
  const again = openOutbox(file)
  const other = join(folder, 'other')
  writeFileSync(other, mail('other'))
  renameSync(other, file)
  expect(again.read()).toMatchObject({ mails: [{ event: 'other' }], whole: false })
  rmSync(file)
  expect(again.read().whole).toBe(false)
})

test('other names of the same, and lines that are no mail', () => {
  const lines = ['{"event":"e","to":"x@y"}', 'text', '[1]', '{"subject":"no event"}', '']
  expect(mailsIn(`${lines.join('\n')}\n`)).toEqual({
    mails: [{ event: 'e', recipient: 'x@y', userId: null, appId: null, subject: '' }],
    unreadable: 3,
  })
})
