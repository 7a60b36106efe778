// `./readiness report latest`: renders the report of a run again, and says where it is.

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { CommandModule } from 'yargs'
import { renderJunit } from '../../reports/junit.ts'
import { renderMarkdown } from '../../reports/markdown.ts'
import { renderSarif } from '../../reports/sarif.ts'
import { UsageError } from '../errors.ts'
import { findRun, reasonOf } from '../evidence/store.ts'
import type { Judged } from '../judge.ts'
import { writeReport } from '../report-files.ts'
import { HARNESS_VERSION } from '../version.ts'
import { judgeSealed } from './judge.ts'
import { jsonOption, printJson, runPositional, runsDirOption } from './terminal.ts'

interface ReportArguments {
  run: string
  junit: string | undefined
  sarif: string | undefined
  markdown: string | undefined
  'runs-dir': string
  json: boolean
}

export const reportVerb: CommandModule<object, ReportArguments> = {
  command: 'report [run]',
  describe: 'render a run’s HTML report, and the same verdicts for other programs',
  builder: (y) =>
    y
      .positional('run', runPositional)
      .option('junit', { type: 'string', describe: 'also as JUnit XML, into this file' })
      .option('sarif', { type: 'string', describe: 'also as SARIF 2.1.0, into this file' })
      .option('markdown', { type: 'string', describe: 'also as Markdown for a job’s summary, into this file' })
      .option('runs-dir', runsDirOption)
      .option('json', jsonOption),
  handler: async (args) => {
    const path = findRun(args['runs-dir'], args.run)
    const judged = judgeSealed(path)
    const report = await writeReport(resolve(args['runs-dir']), path, judged)
    const forms: [string | undefined, (judged: Judged) => string][] = [
      [args.junit, renderJunit],
      [args.sarif, ({ plan, verdicts }) => renderSarif({ plan, verdicts, harnessVersion: HARNESS_VERSION })],
      [args.markdown, renderMarkdown],
    ]
    for (const [file, render] of forms) if (file !== undefined) writeForm(file, render(judged))
    if (args.json) printJson({ run: judged.plan.run, verdict: judged.verdicts.verdict, report })
    else process.stdout.write(`${report}\n`)
  },
}

function writeForm(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (cause) {
    throw new UsageError(`${file} could not be written (${reasonOf(cause)})`, 'give a path that can', { cause })
  }
}
