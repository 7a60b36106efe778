// `./readiness seed`: the volume of the specification, on a stack that is kept up or on a running Conman, for a person to
// look at or to load by hand.

import type { CommandModule } from 'yargs'
import { seedListingOverHttp } from '../../seed/volume/over-http.ts'
import { seedScale } from '../../seed/volume/scale.ts'
import { seedVolume } from '../../seed/volume/volume.ts'
import type { ProfileName } from '../check.ts'
import { type ConsentFlags, consentLacking, isAllowed, withConsent } from '../consent.ts'
import { UsageError } from '../errors.ts'
import { newRunId } from '../evidence/store.ts'
import { PROFILES } from '../profiles.ts'
import type { Run } from '../run.ts'
import { openSession } from '../session.ts'
import { listKept } from '../stack/keep.ts'
import { openTarget } from '../target/open.ts'
import { type AimArguments, aimed, aimOptions } from './aim.ts'
import { consentOptions } from './consent-options.ts'
import { interruption, jsonOption, paint, printJson, progressFor } from './terminal.ts'

interface SeedArguments extends AimArguments, ConsentFlags {
  scale: boolean
  seed: number
  profile: ProfileName
  json: boolean
}

export const seed: CommandModule<object, SeedArguments> = {
  command: 'seed',
  describe: 'seed the specified volume (or the scale tier’s) on a kept stack or a running Conman',
  builder: (y) =>
    y
      .options(aimOptions)
      .options(consentOptions)
      .option('scale', {
        type: 'boolean',
        default: false,
        describe: '10,000 changesets and 5,000 users as rows (a tenth with --profile smoke)',
      })
      .option('seed', { type: 'number', default: 1, describe: 'number that all generated data follows from' })
      .option('profile', { choices: Object.keys(PROFILES) as ProfileName[], default: 'standard' as ProfileName })
      .option('json', jsonOption),
  handler: async (args) => {
    if (!Number.isSafeInteger(args.seed) || args.seed < 0)
      throw new UsageError('--seed must be a whole number', 'give it like --seed 1')
    const progress = progressFor(args.json)
    const aim = withConsent(await aimed(args), args)
    await using session = await openSession(newRunId(), {
      profile: args.profile,
      randomSeed: args.seed,
      overrides: new Map(),
      seedOver: 'database',
      target: { ...aim, tools: aim.tools.filter((name) => name !== 'k6') },
      openTarget,
      progress,
      signal: interruption.signal,
    })
    const { run, target } = session
    if (!isAllowed('writes', target.allowed)) {
      throw new UsageError(
        'seeding writes to the target, and there is no consent to that',
        consentLacking('writes', target.consent),
      )
    }
    const apps = await seedOn(run, args.scale)
    const kept = await session.keep()
    const stack =
      kept === undefined ? undefined : (await listKept()).find(({ state }) => state.baseUrl === target.baseUrl)
    if (args.json) {
      printJson({ ...(stack?.state ?? { baseUrl: target.baseUrl }), seeded: apps })
      return
    }
    const { bold } = paint(process.stdout)
    const rows: [string, string][] = [['Conman', target.baseUrl]]
    if (stack !== undefined) {
      const { adminEmail, adminPassword, mongoUri, gitStorage } = stack.state
      rows.push(['admin', adminEmail], ['password', adminPassword], ['MongoDB', mongoUri], ['repositories', gitStorage])
    }
    for (const { name, id, what } of apps) rows.push([name, `${id}  ${what}`])
    const width = Math.max(...rows.map(([name]) => name.length)) + 2
    for (const [name, value] of rows) process.stdout.write(`${bold(name.padEnd(width))}${value}\n`)
    if (stack !== undefined) process.stdout.write(`end it with: ./readiness down ${stack.state.id}\n`)
  },
}

interface ShownApp {
  name: string
  id: string
  what: string
}

async function seedOn(run: Run, scale: boolean): Promise<ShownApp[]> {
  if (scale) {
    const { app, people, changesets } = await seedScale(run)
    return [{ name: app.name, id: app.id, what: `${people.length} members, ${changesets.length} changesets` }]
  }
  if (run.target.fixtures === undefined) {
    const { app, readers, queued, missing } = await seedListingOverHttp(run)
    for (const lack of missing) run.progress.say(`missing: ${lack}`)
    return [{ name: app.name, id: app.id, what: `${readers.length} members, ${queued.length} changesets queued` }]
  }
  const { apps } = await seedVolume(run)
  return apps.map(({ app, members, changesets, workspaces }) => ({
    name: app.name,
    id: app.id,
    what: `${members.length} members, ${workspaces.length} workspaces, ${changesets.length} changesets`,
  }))
}
