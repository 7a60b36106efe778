// `./readiness sign-off <run> --as NAME`: a person stands for a part of a run's verdicts, as they are.

import { resolve } from 'node:path'
import type { CommandModule } from 'yargs'
import { visible } from '../../reports/visible.ts'
import { Redactor } from '../evidence/redact.ts'
import { findRun, RunFolder } from '../evidence/store.ts'
import { writeVerdicts } from '../execute.ts'
import { writeReport } from '../report-files.ts'
import { signOffRun } from '../sign-offs.ts'
import { judgeSealed } from './judge.ts'
import { jsonOption, printJson, runPositional, runsDirOption } from './terminal.ts'

interface SignOffArguments {
  run: string
  as: string
  section: string[] | undefined
  note: string | undefined
  'runs-dir': string
  json: boolean
}

export const signOff: CommandModule<object, SignOffArguments> = {
  command: 'sign-off [run]',
  describe: 'put a name under a run’s verdicts, part by part; it changes none of them',
  builder: (y) =>
    y
      .positional('run', runPositional)
      .option('as', { type: 'string', demandOption: true, describe: 'who signs' })
      .option('section', {
        type: 'string',
        array: true,
        describe:
          'a part of the checklist, as the report names it: Load, Faults, Security, … (default: all of the run’s)',
      })
      .option('note', { type: 'string', describe: 'what the signer wants to have said' })
      .option('runs-dir', runsDirOption)
      .option('json', jsonOption),
  handler: async (args) => {
    const path = findRun(args['runs-dir'], args.run)
    const judged = judgeSealed(path)
    // What is signed is what these verdicts say now, not what another version had stored.
    writeVerdicts(new RunFolder(path, new Redactor()), judged)
    const given = signOffRun(path, judged.verdicts, {
      name: args.as,
      sections: args.section ?? [],
      note: args.note ?? null,
      now: new Date(),
    })
    const report = await writeReport(resolve(args['runs-dir']), path, judged)
    if (args.json) printJson({ run: judged.plan.run, verdict: judged.verdicts.verdict, sign_offs: given, report })
    else {
      for (const { section, name, seen } of given) process.stdout.write(`${visible(name)} signed ${section}: ${seen}\n`)
      process.stdout.write(`the verdict is and stays ${judged.verdicts.verdict}; report: ${report}\n`)
    }
  },
}
