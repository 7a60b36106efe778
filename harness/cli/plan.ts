// `./readiness plan`: what a run would find, before anything runs. A URL is opened and logged in to, a program is asked
// for its help, the bundled Conman is not even started; nothing is written to any of them.

import type { CommandModule } from 'yargs'
import { renderForecast } from '../../reports/forecast.ts'
import { selectChecks } from '../catalogue.ts'
import type { ProfileName } from '../check.ts'
import { type ConsentFlags, withConsent } from '../consent.ts'
import type { Forecast } from '../forecast.ts'
import { forecast } from '../planning.ts'
import { PROFILES } from '../profiles.ts'
import { seedingOf } from '../target/options.ts'
import { lookAhead } from '../target/prospect.ts'
import type { ToolName } from '../toolchain/programs.ts'
import { notFound, searchTool } from '../toolchain/resolve.ts'
import { type AimArguments, aimed, aimOptions } from './aim.ts'
import { consentOptions } from './consent-options.ts'
import { interruption, jsonOption, printJson, profileOption, progressFor, wantsColour } from './terminal.ts'

interface PlanArguments extends AimArguments, ConsentFlags {
  checks: string[]
  profile: ProfileName
  json: boolean
}

export const plan: CommandModule<object, PlanArguments> = {
  command: 'plan [checks..]',
  describe: 'what a run would verify, do to the target and take, before anything runs',
  builder: (y) =>
    y
      .positional('checks', {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'ids of the catalogue, such as L1; all that the profile has when none is named',
      })
      .options(aimOptions)
      .options(consentOptions)
      .option('profile', profileOption)
      .option('json', jsonOption),
  handler: async (args) => {
    const { profile } = args
    const checks = selectChecks(args.checks, profile)
    const options = withConsent(await aimed(args), args)
    const opening = { profile: PROFILES[profile], progress: progressFor(args.json), signal: interruption.signal }
    const ahead = await lookAhead(options, opening)
    const expected = forecast({
      ...ahead,
      checks,
      profile,
      seedOver: seedingOf('auto', options),
      overridden: false,
      tools: await Promise.all(options.tools.map(toolAhead)),
    })
    if (args.json) printJson(expected)
    else process.stdout.write(renderForecast(expected, { colors: wantsColour(process.stdout) }))
    process.exitCode = expected.exit_code
  },
}

/** A program that a run would look for: there, or how it comes. One that is neither ends the plan as it would end the run. */
async function toolAhead(name: ToolName): Promise<Forecast['tools'][number]> {
  const search = await searchTool(name, { install: false, signal: interruption.signal })
  if (search.tool !== undefined) return { name, version: search.tool.version, comes_by: null }
  if (search.installable !== undefined) return { name, version: null, comes_by: search.installable }
  throw notFound(name, search)
}
