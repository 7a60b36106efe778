// What the verbs share at a terminal: colours only where wanted, the signal that ends work, progress, reading a run's name.

import pc from 'picocolors'
import { hideBin } from 'yargs/helpers'
import type { ProfileName } from '../check.ts'
import { PROFILES } from '../profiles.ts'
import { type Progress, silent, terminalProgress } from '../progress.ts'
import { quoteWords } from '../quoting.ts'

/** Aborted by the first SIGINT, SIGTERM or the launcher's death. */
export const interruption = new AbortController()

export function wantsColour(stream: NodeJS.WriteStream): boolean {
  const args = hideBin(process.argv)
  if (args.includes('--no-color')) return false
  if (args.includes('--color')) return true
  if (process.env.NO_COLOR !== undefined && process.env.NO_COLOR !== '') return false
  return stream.isTTY === true
}

export function paint(stream: NodeJS.WriteStream): ReturnType<typeof pc.createColors> {
  return pc.createColors(wantsColour(stream))
}

export function progressFor(quiet: boolean): Progress {
  return quiet ? silent : terminalProgress(process.stderr, wantsColour(process.stderr))
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

/** For the report's line 'the exact command': what was typed, quoted for a shell. */
export function commandLine(): string {
  return quoteWords(['./readiness', ...hideBin(process.argv)])
}

/** Options that several verbs have, once. */
export const runsDirOption = {
  type: 'string',
  default: process.env.READINESS_RUNS_DIR ?? 'runs',
  describe: 'where runs are kept',
} as const
export const profileOption = {
  choices: Object.keys(PROFILES) as ProfileName[],
  default: 'standard' as ProfileName,
  describe: Object.values(PROFILES)
    .map(({ name, description }) => `${name}: ${description}`)
    .join('; '),
} as const
export const jsonOption = {
  type: 'boolean',
  default: false,
  describe: 'as JSON on standard output, nothing else',
} as const
export const runPositional = { type: 'string', default: 'latest', describe: 'a run’s id or folder, or latest' } as const
