// The log of a Conman that runs somewhere, from a file or a command of the user's: tried once when the target is opened,
// brought into the run at its end, only what was written since the run began.

import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import type { Redactor } from '../evidence/redact.ts'
import type { LogSource } from './options.ts'
import { howItEnded, readEnd, type UserPrograms } from './user-program.ts'

export interface LogTap {
  /** Brings what was written since it was opened; `copy` redacts. Never throws: what went wrong stands in the copy. */
  copy(copy: (from: string, name: string) => void): Promise<void>
}

/** As much as a run keeps of any log (evidence/store.ts), with room for a note. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024 - 4_096
const COMMAND_WITHIN_S = 60
const INTERRUPTED_WITHIN_S = 5
const COPY = 'target.log'

/** How far back the first try looks: a server that was asked to log in just now has written something by then. */
const TRY_SINCE_MS = 24 * 3_600_000

export async function tapLog(
  source: LogSource,
  given: string,
  programs: UserPrograms,
  redactor: Redactor,
  signal: AbortSignal,
): Promise<LogTap> {
  return source.kind === 'file'
    ? tapFile(source.file, programs.folder)
    : tapCommand(source.words, given, programs, redactor, signal)
}

function tapFile(file: string, folder: string): LogTap {
  const began = statSync(file)
  return {
    async copy(copy) {
      const now = statSync(file, { throwIfNoEntry: false })
      const replaced = now !== undefined && (now.ino !== began.ino || now.size < began.size)
      const into = join(folder, COPY)
      if (now === undefined) writeFileSync(into, '[the file was gone at the end of the run]\n', { mode: 0o600 })
      else {
        const { text, left_out_bytes } = readEnd(file, KEPT_BYTES_MAX, replaced ? 0 : began.size)
        const notes = [
          ...(replaced ? ['[the file was replaced during the run: this is the new one from its beginning]'] : []),
          ...(left_out_bytes === 0 ? [] : [`[${left_out_bytes} bytes before this are left out]`]),
        ]
        writeFileSync(into, `${notes.map((note) => `${note}\n`).join('')}${text}`, { mode: 0o600 })
      }
      copy(into, COPY)
    },
  }
}

async function tapCommand(
  words: readonly string[],
  given: string,
  programs: UserPrograms,
  redactor: Redactor,
  signal: AbortSignal,
): Promise<LogTap> {
  const began = new Date()
  const print = (since: Date, within_s: number, ending: AbortSignal) =>
    programs.run(
      words.map((word) => word.replaceAll('{since}', since.toISOString())),
      { within_ms: within_s * 1_000, env: {}, signal: ending },
    )
  const tried = await print(new Date(began.getTime() - TRY_SINCE_MS), COMMAND_WITHIN_S, signal)
  if (tried.exit_code !== 0 || tried.ended_for !== null) {
    const { text } = readEnd(tried.stderrFile, 4_096)
    const said = redactor.text(text.trim()).split('\n').at(-1) ?? ''
    throw new UsageError(
      `${given}: the command ${howItEnded(tried, COMMAND_WITHIN_S)}${said === '' ? '' : `: ${said.slice(0, 300)}`}`,
      'it prints the log and ends by itself; leave it out to go without',
    )
  }
  if (statSync(tried.stdoutFile).size === 0) {
    throw new UsageError(
      `${given}: the command printed nothing`,
      'it prints the log to its standard output; leave it out to go without',
    )
  }
  return {
    async copy(copy) {
      // Whoever interrupted the run wants the log all the same, but not to wait for it.
      const within_s = signal.aborted ? INTERRUPTED_WITHIN_S : COMMAND_WITHIN_S
      const printed = await print(began, within_s, new AbortController().signal)
      const into = join(programs.folder, COPY)
      const { text, left_out_bytes } = readEnd(printed.stdoutFile, KEPT_BYTES_MAX)
      const notes = [
        ...(printed.exit_code === 0 ? [] : [`[the command ${howItEnded(printed, within_s)}]`]),
        ...(left_out_bytes === 0 ? [] : [`[${left_out_bytes} bytes before this are left out]`]),
      ]
      writeFileSync(into, `${notes.map((note) => `${note}\n`).join('')}${text}`, { mode: 0o600 })
      copy(into, COPY)
    },
  }
}
