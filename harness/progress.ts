// What a person sees while it works: lines on standard error, one that renews itself on a terminal, plain ones in a log.

import pc from 'picocolors'
import { visibleLine } from '../reports/visible.ts'

export interface Progress {
  /** A step that began, or a fact worth a line. */
  say(line: string): void
  /** The step under way and how far it is; on a terminal it renews the last line. */
  update(line: string): void
}

/** Often enough to see that it lives, seldom enough to read the log afterwards. */
const PLAIN_EVERY_MS = 15_000

export function terminalProgress(stream: NodeJS.WriteStream, colour: boolean): Progress {
  const paint = pc.createColors(colour)
  const started = performance.now()
  const clock = () => paint.dim(`${((performance.now() - started) / 1_000).toFixed(1).padStart(6)}s`)
  let open = false
  let lastPlain = ''
  let lastPlainAt_ms = 0
  const close = () => {
    if (open) stream.write('\r\u001b[K')
    open = false
  }
  return {
    say(line) {
      close()
      stream.write(`${clock()}  ${visibleLine(line)}\n`)
    },
    update(text) {
      const line = visibleLine(text)
      if (stream.isTTY) {
        const width = Math.max(20, (stream.columns || 80) - 12)
        stream.write(`\r\u001b[K${clock()}  ${line.slice(0, width)}`)
        open = true
      } else {
        // In a log what is new by its words is worth a line; what only counts on, now and then.
        const plain = line.replace(/\d+/g, '')
        if (plain === lastPlain && performance.now() - lastPlainAt_ms < PLAIN_EVERY_MS) return
        lastPlain = plain
        lastPlainAt_ms = performance.now()
        stream.write(`${clock()}  ${line}\n`)
      }
    },
  }
}

export const silent: Progress = { say() {}, update() {} }
