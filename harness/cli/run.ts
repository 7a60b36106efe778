// `./readiness run L1`: runs checks and judges them.

import type { CommandModule } from 'yargs'
import { renderText } from '../../reports/text.ts'
import { selectChecks } from '../catalogue.ts'
import type { ProfileName } from '../check.ts'
import { type ConsentFlags, withConsent } from '../consent.ts'
import { UsageError } from '../errors.ts'
import { type Executed, execute } from '../execute.ts'
import { demandDefects } from '../prove.ts'
import { quoteWords } from '../quoting.ts'
import { openTarget } from '../target/open.ts'
import { seedingOf } from '../target/options.ts'
import { type AimArguments, aimed, aimOptions } from './aim.ts'
import { consentOptions } from './consent-options.ts'
import {
  commandLine,
  interruption,
  jsonOption,
  printJson,
  profileOption,
  progressFor,
  runsDirOption,
  wantsColour,
} from './terminal.ts'

export interface RunArguments extends AimArguments, ConsentFlags {
  checks: string[]
  profile: ProfileName
  'runs-dir': string
  seed: number
  'seed-over': 'auto' | 'http' | 'database'
  limit: string[]
  defect: string | undefined
  'keep-on-failure': boolean
  json: boolean
}

export const run: CommandModule<object, RunArguments> = {
  command: 'run <checks..>',
  describe: 'run checks against a Conman, judge them, write the report',
  builder: (y) =>
    y
      .positional('checks', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'ids of the catalogue, such as L1',
      })
      .options(aimOptions)
      .options(consentOptions)
      .option('profile', profileOption)
      .option('runs-dir', runsDirOption)
      .option('seed', { type: 'number', default: 1, describe: 'number that all generated data follows from' })
      .option('seed-over', {
        choices: ['auto', 'http', 'database'] as const,
        default: 'auto' as const,
        describe: 'how fixtures are written; auto: into the database of the bundled Conman, over HTTP to any other',
      })
      .option('limit', {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'override a limit, e.g. L1.latency_ms_max=5000; the report flags it',
      })
      .option('defect', {
        type: 'string',
        describe: 'start the bundled Conman with a known defect (see ./readiness prove)',
      })
      .option('keep-on-failure', {
        type: 'boolean',
        default: false,
        describe: 'leave the stack up for a look when a MUST did not pass',
      })
      .option('json', jsonOption)
      .example('$0 run L1', 'fifty users edit files at once, on the bundled Conman')
      .example('CONMAN_BASE_URL=http://127.0.0.1:3000 $0 run L1', 'the same against a running one'),
  handler: async (args) => {
    if (args.defect !== undefined) await demandDefects([args.defect])
    const target = withConsent(await aimed(args), args)
    const result = await execute({
      checks: selectChecks(args.checks, args.profile),
      profile: args.profile,
      runsFolder: args['runs-dir'],
      randomSeed: wholeNumber('--seed', args.seed),
      overrides: parseLimits(args.limit),
      seedOver: seedingOf(args['seed-over'], target),
      command: commandWithEnvironment(),
      target,
      openTarget,
      progress: progressFor(args.json),
      signal: interruption.signal,
      keepOnFailure: args['keep-on-failure'],
    })
    tell(result, args.json)
  },
}

/** The verdict as the last line, or all verdicts as JSON; and the exit code. */
export function tell(result: Executed, json: boolean): void {
  if (json) printJson(result.verdicts)
  else {
    const lines = renderText(result, { colors: wantsColour(process.stdout) })
      .trimEnd()
      .split('\n')
    const verdict = lines.pop()!
    const kept = result.kept === undefined ? [] : [result.kept]
    process.stdout.write(`${[...lines, ...kept, `report: ${result.report}`, verdict].join('\n')}\n`)
  }
  process.exitCode = result.verdicts.exit_code
}

export function wholeNumber(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new UsageError(`${name} must be a whole number`, `give it like ${name} 1`)
}

/** `<check>.<limit>=<number>`, any number of times. */
export function parseLimits(texts: readonly string[]): Map<string, number> {
  const overrides = new Map<string, number>()
  for (const text of texts) {
    const match = /^([^=\s]+)=(-?\d+(?:\.\d+)?)$/.exec(text)
    if (!match)
      throw new UsageError(
        `--limit ${text} is not <check>.<limit>=<number>`,
        'give it like --limit L1.latency_ms_max=5000',
      )
    overrides.set(match[1]!, Number(match[2]))
  }
  return overrides
}

/** What aims the harness is part of the command that repeats a run; credentials are not. */
export function commandWithEnvironment(): string {
  const aimed = ['CONMAN_BASE_URL', 'CONMAN_SERVER_CMD', 'CONMAN_MONGO_PATH'].filter((name) => process.env[name])
  return [...aimed.map((name) => `${name}=${quoteWords([process.env[name]!])}`), commandLine()].join(' ')
}
