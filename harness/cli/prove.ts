// `./readiness prove L1`: shows that each check can fail, for its stated reason.

import type { CommandModule } from 'yargs'
import { selectChecks } from '../catalogue.ts'
import type { ProfileName } from '../check.ts'
import { EXIT } from '../errors.ts'
import { knownDefects, prove as proveDefects } from '../prove.ts'
import { interruption, jsonOption, paint, printJson, progressFor, runsDirOption } from './terminal.ts'

interface ProveArguments {
  checks: string[] | undefined
  profile: ProfileName
  defect: string[]
  'runs-dir': string
  list: boolean
  json: boolean
}

export const prove: CommandModule<object, ProveArguments> = {
  command: 'prove [checks..]',
  describe: 'seed known defects into the bundled Conman: each must turn exactly its check red',
  builder: (y) =>
    y
      .positional('checks', { type: 'string', array: true, describe: 'ids of the catalogue; none means all' })
      .option('profile', {
        choices: ['smoke', 'standard', 'golive'] as ProfileName[],
        default: 'smoke' as ProfileName,
        describe: 'profile of the runs',
      })
      .option('defect', {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'only this defect (may be repeated)',
      })
      .option('runs-dir', runsDirOption)
      .option('list', { type: 'boolean', default: false, describe: 'only list the known defects' })
      .option('json', jsonOption),
  handler: async (args) => {
    if (args.list) {
      const defects = await knownDefects()
      if (args.json) printJson(defects)
      else
        for (const { id, check, title } of defects)
          process.stdout.write(`${id.padEnd(16)} ${check.padEnd(10)} ${title}\n`)
      return
    }
    const { rows, folder } = await proveDefects({
      checks: selectChecks(args.checks ?? [], args.profile),
      profile: args.profile,
      runsFolder: args['runs-dir'],
      defects: args.defect,
      progress: progressFor(args.json),
      signal: interruption.signal,
    })
    const good = rows.every((row) => row.caught)
    process.exitCode = good ? EXIT.ok : EXIT.harness
    if (args.json) {
      printJson({ folder, rows })
      return
    }
    const { green, red, bold } = paint(process.stdout)
    for (const row of rows) {
      const word = row.caught ? green(row.defect ? 'caught' : 'green ') : red('MISSED')
      process.stdout.write(`${word}  ${bold((row.defect ?? 'clean server').padEnd(16))} ${row.because}\n`)
    }
    const caught = rows.filter((row) => row.defect && row.caught).length
    const total = rows.filter((row) => row.defect).length
    process.stdout.write(`evidence: ${folder}\n`)
    process.stdout.write(
      good
        ? `${green('PROVEN')}: ${caught} of ${total} known defects were caught by their checks, and the clean server is green\n`
        : `${red('NOT PROVEN')}: ${caught} of ${total} known defects were caught${rows[0]!.caught ? '' : '; the clean server is not green'}\n`,
    )
  },
}
