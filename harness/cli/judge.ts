// `./readiness judge latest`: the verdict again, from the evidence alone.

import { join, resolve } from 'node:path'
import type { CommandModule } from 'yargs'
import { renderText } from '../../reports/text.ts'
import { UsageError } from '../errors.ts'
import { Redactor } from '../evidence/redact.ts'
import { findRun, RunFolder, readJsonFile } from '../evidence/store.ts'
import { writeVerdicts } from '../execute.ts'
import { type Judged, judgeRun, type RunState, sealComplaint } from '../judge.ts'
import { writeReport } from '../report-files.ts'
import type { Verdicts } from '../result.ts'
import { isAlive } from '../target/lock.ts'
import { jsonOption, printJson, runPositional, runsDirOption, wantsColour } from './terminal.ts'

interface JudgeArguments {
  run: string
  'runs-dir': string
  json: boolean
}

export const judgeVerb: CommandModule<object, JudgeArguments> = {
  command: 'judge [run]',
  describe: 'recompute a run’s verdicts from its evidence: offline, with this version’s checks',
  builder: (y) => y.positional('run', runPositional).option('runs-dir', runsDirOption).option('json', jsonOption),
  handler: async (args) => {
    const path = findRun(args['runs-dir'], args.run)
    const before = new RunFolder(path, new Redactor()).has('verdicts.json')
      ? (readJsonFile(join(path, 'verdicts.json')) as Verdicts)
      : null
    const judged = judgeSealed(path)
    writeVerdicts(new RunFolder(path, new Redactor()), judged)
    const report = await writeReport(resolve(args['runs-dir']), path, judged)
    if (args.json) printJson(judged.verdicts)
    else {
      process.stdout.write(renderText(judged, { colors: wantsColour(process.stdout) }))
      process.stdout.write(`report: ${report}\n${compare(before, judged.verdicts)}\n`)
    }
    process.exitCode = judged.verdicts.exit_code
  },
}

/** Judges what is whole: a run that was altered after it was sealed is refused, one that still runs is left alone. */
export function judgeSealed(path: string): Judged {
  const state = readJsonFile(join(path, 'run.json')) as Partial<RunState>
  if (state.ended === null && typeof state.pid === 'number' && isAlive(state.pid)) {
    throw new UsageError(`${path} is still running (process ${state.pid})`, 'wait until it has ended')
  }
  if (state.ended === 'complete') {
    const complaint = sealComplaint(path)
    if (complaint !== null) {
      throw new UsageError(
        `${path}: ${complaint}`,
        'restore the files, or run the checks again; nothing was judged from it',
      )
    }
  }
  return judgeRun(path)
}

function compare(before: Verdicts | null, after: Verdicts): string {
  if (before === null) return `recomputed: ${after.verdict} (nothing was stored before)`
  const changed = after.checks
    .map((check) => ({ check, was: before.checks?.find((other) => other.id === check.id) }))
    .filter(({ check, was }) => was?.outcome !== check.outcome || was?.because !== check.because)
  if (changed.length === 0) return `recomputed: ${after.verdict}, the same as stored`
  return `recomputed: ${after.verdict}; changed: ${changed.map(({ check, was }) => `${check.id} ${was?.outcome ?? 'absent'} → ${check.outcome}`).join(', ')}`
}
