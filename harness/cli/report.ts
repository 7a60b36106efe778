// `./readiness report latest`: renders the report of a run again, and says where it is.

import { resolve } from 'node:path'
import type { CommandModule } from 'yargs'
import { findRun } from '../evidence/store.ts'
import { writeReport } from '../report-files.ts'
import { judgeSealed } from './judge.ts'
import { printJson } from './terminal.ts'

interface ReportArguments {
  run: string
  'runs-dir': string
  json: boolean
}

export const reportVerb: CommandModule<object, ReportArguments> = {
  command: 'report [run]',
  describe: 'render a run’s HTML report',
  builder: (y) =>
    y
      .positional('run', { type: 'string', default: 'latest', describe: 'a run’s id or folder, or latest' })
      .option('runs-dir', {
        type: 'string',
        default: process.env.READINESS_RUNS_DIR ?? 'runs',
        describe: 'where runs are kept',
      })
      .option('json', { type: 'boolean', default: false, describe: 'print the report’s path as JSON' }),
  handler: async (args) => {
    const path = findRun(args['runs-dir'], args.run)
    const judged = judgeSealed(path)
    const report = await writeReport(resolve(args['runs-dir']), path, judged)
    if (args.json) printJson({ run: judged.plan.run, verdict: judged.verdicts.verdict, report })
    else process.stdout.write(`${report}\n`)
  },
}
