/**
 * A command for jobs that tests can steer and look at: it notes what it is run for, waits while it is held, and fails for what
 * it is told to fail for.
 */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface CommandRun {
  entity: string
  attempt: string
  payload: Record<string, unknown>
}

export interface ScriptedCommand extends Disposable {
  /** For one of the `…_CMD` variables. */
  readonly command: string
  /** The runs so far, each from its beginning. */
  runs(): CommandRun[]
  /** Runs whose payload holds this text fail from now on. */
  failFor(text: string): void
  failForNothing(): void
  /** Runs do not end before `release`: all of them, or those of one attempt of a job. */
  hold(attempt?: number): void
  release(attempt?: number): void
  /** What it prints. */
  say(text: string): void
}

export function scriptedCommand(): ScriptedCommand {
  const folder = mkdtempSync(join(tmpdir(), 'conman-command-'))
  const file = (name: string) => join(folder, name)
  for (const name of ['runs', 'bad', 'output']) writeFileSync(file(name), '')
  const held = (attempt: number | undefined) => file(attempt === undefined ? 'held' : `held-${attempt}`)
  const command = [
    `printf '%s %s %s\\n' "$CONMAN_ENTITY_ID" "$CONMAN_JOB_ATTEMPT" "$CONMAN_JOB_PAYLOAD" >> ${file('runs')}`,
    `while [ -e ${file('held')} ] || [ -e ${file('held')}-$CONMAN_JOB_ATTEMPT ]; do sleep 0.02; done`,
    `cat ${file('output')}`,
    `if [ -s ${file('bad')} ] && printf '%s' "$CONMAN_JOB_PAYLOAD" | grep -qFf ${file('bad')}; then echo red >&2; exit 3; fi`,
  ].join('; ')
  return {
    command,
    runs() {
      const lines = readFileSync(file('runs'), 'utf8').split('\n').slice(0, -1)
      return lines.map((line) => {
        const [entity = '', attempt = '', ...payload] = line.split(' ')
        return { entity, attempt, payload: JSON.parse(payload.join(' ')) as Record<string, unknown> }
      })
    },
    failFor: (text) => appendFileSync(file('bad'), `${text}\n`),
    failForNothing: () => writeFileSync(file('bad'), ''),
    hold: (attempt) => writeFileSync(held(attempt), ''),
    release: (attempt) => rmSync(held(attempt), { force: true }),
    say: (text) => writeFileSync(file('output'), text),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
