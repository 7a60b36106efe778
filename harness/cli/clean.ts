// `./readiness clean <run>`: takes away what a run made on a target that is not ours, and lists what its API cannot remove.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandModule } from 'yargs'
import { visibleLine } from '../../reports/visible.ts'
import { type Cleaning, clean as cleanTarget, type Thing } from '../cleaning.ts'
import { type ConsentFlags, consentLacking, isAllowed, withConsent } from '../consent.ts'
import { EXIT, UsageError } from '../errors.ts'
import { demandSchema, findRun, readJsonFile } from '../evidence/store.ts'
import { urlPrefix } from '../prefix.ts'
import { PROFILES } from '../profiles.ts'
import { type Plan, PlanSchema } from '../result.ts'
import { lockTarget } from '../target/lock.ts'
import { MADE_FILE, readMade } from '../target/made.ts'
import { openTarget } from '../target/open.ts'
import type { UrlOptions } from '../target/options.ts'
import { type AimArguments, aimed, aimOptions } from './aim.ts'
import { consentOptions } from './consent-options.ts'
import { interruption, jsonOption, paint, printJson, progressFor, runPositional, runsDirOption } from './terminal.ts'

interface CleanArguments extends AimArguments, ConsentFlags {
  run: string
  'runs-dir': string
  'dry-run': boolean
  json: boolean
}

export const clean: CommandModule<object, CleanArguments> = {
  command: 'clean [run]',
  describe: 'take away what a run made on a URL, and list what its API cannot remove',
  builder: (y) =>
    y
      .positional('run', runPositional)
      .options(aimOptions)
      .options(consentOptions)
      .option('runs-dir', runsDirOption)
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what would go; needs no consent' })
      .option('json', jsonOption)
      .epilogue(
        'Exit codes: 0 nothing removable is left · 2 something could not be removed · 3 usage or another target',
      ),
  handler: async (args) => {
    const path = findRun(args['runs-dir'], args.run)
    const plan = readJsonFile(join(path, 'plan.json')) as Plan
    demandSchema(PlanSchema, plan, join(path, 'plan.json'))
    if (plan.target.kind !== 'url') {
      tell(
        args.json,
        plan.run,
        { removed: [], failed: [], stays: [] },
        'its stack is gone, and all that it made with it',
      )
      return
    }
    const options = demandSameTarget(withConsent(await aimed(args), args), plan)
    if (!args['dry-run'] && !isAllowed('writes', options.consent?.allowed ?? 'reads')) {
      throw new UsageError(
        `cleaning writes to ${options.baseUrl}, and there is no consent to that`,
        `${consentLacking('writes', options.consent)}; --dry-run needs none`,
      )
    }
    const progress = progressFor(args.json)
    const lines = existsSync(join(path, MADE_FILE)) ? readMade(join(path, MADE_FILE)) : []
    await using target = await openTarget(options, {
      profile: PROFILES[plan.profile],
      progress,
      signal: interruption.signal,
    })
    using _lock = lockTarget(target)
    const cleaning = await cleanTarget({
      conman: target.conman,
      admin: target.admin,
      made: { prefix: urlPrefix(plan.run), lines },
      dryRun: args['dry-run'],
      onProgress: progress.update,
    })
    if (cleaning.failed.length > 0) process.exitCode = EXIT.mustNotVerified
    tell(args.json, plan.run, cleaning, undefined, args['dry-run'])
  },
}

/** Only the target that the run was aimed at: another one may have people whose names look like the run's. */
function demandSameTarget(options: Awaited<ReturnType<typeof aimed>>, plan: Plan): UrlOptions {
  if (options.kind === 'url' && options.baseUrl === plan.target.address) return options
  throw new UsageError(
    `the run was aimed at ${plan.target.address}, and this command at ${options.kind === 'url' ? options.baseUrl : 'no URL'}`,
    'aim it as the run was: CONMAN_BASE_URL, or --target',
  )
}

function tell(json: boolean, run: string, cleaning: Cleaning, instead?: string, dryRun = false): void {
  if (json) {
    printJson({ schema: 'readiness-clean/1', run, dry_run: dryRun, ...cleaning })
    return
  }
  const { green, red, dim } = paint(process.stdout)
  const rows: [string, (Thing & { because?: string })[]][] = [
    [green(dryRun ? 'would go' : 'removed '), cleaning.removed],
    [red('FAILED  '), cleaning.failed],
    [dim('stays   '), cleaning.stays],
  ]
  for (const [word, things] of rows) {
    for (const { kind, id, name, because } of things) {
      const what = [kind, name ?? '', id ?? ''].filter((part) => part !== '').join('  ')
      process.stdout.write(
        `${word}  ${visibleLine(what)}${because === undefined ? '' : dim(`  (${visibleLine(because)})`)}\n`,
      )
    }
  }
  const { removed, failed, stays } = cleaning
  process.stdout.write(
    instead === undefined
      ? `${removed.length} ${dryRun ? 'would be removed' : 'removed'}, ${failed.length} failed, ${stays.length} cannot be removed by the API\n`
      : `nothing to clean: ${instead}\n`,
  )
}
