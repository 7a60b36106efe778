// What a person sees while it works: lines on standard error, one that renews itself on a terminal, plain ones in a log.

import pc from 'picocolors'

export interface Progress {
  /** A step that began, or a fact worth a line. */
  say(line: string): void
  /** The step under way and how far it is; on a terminal it renews the last line. */
  update(line: string): void
}

export function terminalProgress(stream: NodeJS.WriteStream, colour: boolean): Progress {
  const paint = pc.createColors(colour)
  const started = performance.now()
  const clock = () => paint.dim(`${((performance.now() - started) / 1_000).toFixed(1).padStart(6)}s`)
  let open = false
  let lastPlain = ''
  const close = () => {
    if (open) stream.write('\r\u001b[K')
    open = false
  }
  return {
    say(line) {
      close()
      stream.write(`${clock()}  ${line}\n`)
    },
    update(line) {
      if (stream.isTTY) {
        const width = Math.max(20, (stream.columns ?? 80) - 12)
        stream.write(`\r\u001b[K${clock()}  ${line.slice(0, width)}`)
        open = true
      } else {
        // In a log only what is new by its words, not by its count, is worth a line.
        const plain = line.replace(/\d+/g, '')
        if (plain === lastPlain) return
        lastPlain = plain
        stream.write(`${clock()}  ${line}\n`)
      }
    },
  }
}

export const silent: Progress = { say() {}, update() {} }
