// What a target would mail, from the file that it appends its mails to (CONMAN_OUTBOX_FILE): one JSON object a line. Read from
// where the file stood when it was opened; bounded, and what is no mail is counted.

import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { recordOf } from './conman.ts'

export interface Mail {
  event: string
  /** Lower case; null where the line says none. */
  recipient: string | null
  userId: string | null
  appId: string | null
  subject: string
}

export interface OutboxContent {
  mails: Mail[]
  /** Whole lines that are no mail. */
  unreadable: number
  /** False where the file holds more than is read, or was replaced meanwhile. */
  whole: boolean
}

/** A thousand deployments told to fifty people each. */
const READ_BYTES_MAX = 64 * 1024 * 1024

/** A file that is not there yet is empty. */
export function openOutbox(file: string): { read(): OutboxContent } {
  const began = statSync(file, { throwIfNoEntry: false })
  return {
    read() {
      const now = statSync(file, { throwIfNoEntry: false })
      if (now === undefined) return { mails: [], unreadable: 0, whole: began === undefined }
      const replaced = began !== undefined && (now.ino !== began.ino || now.size < began.size)
      const { text, whole } = readFrom(file, replaced ? 0 : (began?.size ?? 0))
      return { ...mailsIn(text), whole: whole && !replaced }
    },
  }
}

function readFrom(file: string, offset: number): { text: string; whole: boolean } {
  const descriptor = openSync(file, 'r')
  try {
    const wanted = fstatSync(descriptor).size - offset
    const buffer = Buffer.alloc(Math.max(0, Math.min(wanted, READ_BYTES_MAX)))
    let read = 0
    while (read < buffer.length) {
      const count = readSync(descriptor, buffer, read, buffer.length - read, offset + read)
      if (count === 0) break
      read += count
    }
    return { text: buffer.subarray(0, read).toString('utf8'), whole: wanted <= READ_BYTES_MAX }
  } finally {
    closeSync(descriptor)
  }
}

export function mailsIn(text: string): Pick<OutboxContent, 'mails' | 'unreadable'> {
  // What stands after the last line feed is still being written.
  const lines = text.split('\n').slice(0, -1)
  const mails: Mail[] = []
  let unreadable = 0
  for (const line of lines) {
    if (line.trim() === '') continue
    const mail = mailIn(line)
    if (mail === undefined) unreadable += 1
    else mails.push(mail)
  }
  return { mails, unreadable }
}

function mailIn(line: string): Mail | undefined {
  try {
    const row = recordOf(JSON.parse(line))
    const event = row?.event_type ?? row?.event
    if (row === undefined || typeof event !== 'string') return undefined
    const text = (value: unknown) => (typeof value === 'string' ? value : null)
    return {
      event,
      recipient: text(row.recipient_email ?? row.recipient ?? row.to)?.toLowerCase() ?? null,
      userId: text(row.user_id),
      appId: text(row.app_id),
      subject: text(row.subject) ?? '',
    }
  } catch {
    return undefined
  }
}
