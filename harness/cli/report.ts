// `./readiness report latest`: renders the report of a run again, and says where it is.

import { resolve } from 'node:path'
import type { CommandModule } from 'yargs'
import { findRun } from '../evidence/store.ts'
import { writeReport } from '../report-files.ts'
import { judgeSealed } from './judge.ts'
import { jsonOption, printJson, runPositional, runsDirOption } from './terminal.ts'

interface ReportArguments {
  run: string
  'runs-dir': string
  json: boolean
}

export const reportVerb: CommandModule<object, ReportArguments> = {
  command: 'report [run]',
  describe: 'render a run’s HTML report',
  builder: (y) => y.positional('run', runPositional).option('runs-dir', runsDirOption).option('json', jsonOption),
  handler: async (args) => {
    const path = findRun(args['runs-dir'], args.run)
    const judged = judgeSealed(path)
    const report = await writeReport(resolve(args['runs-dir']), path, judged)
    if (args.json) printJson({ run: judged.plan.run, verdict: judged.verdicts.verdict, report })
    else process.stdout.write(`${report}\n`)
  },
}
