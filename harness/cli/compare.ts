// `./readiness compare <run> <run>`: what changed between two runs, beyond what changes anyway.

import type { CommandModule } from 'yargs'
import {
  type ComparableRun,
  type Comparison,
  compareRuns,
  differences,
  type Judgement,
  type Side,
} from '../comparing.ts'
import { UsageError } from '../errors.ts'
import { findRun } from '../evidence/store.ts'
import { judgeSealed } from './judge.ts'
import { jsonOption, paint, printJson, runsDirOption } from './terminal.ts'

interface CompareArguments {
  baseline: string
  contender: string
  noise: string[] | undefined
  anyway: boolean
  'runs-dir': string
  json: boolean
}

/** 0: no worse. 1: worse. 2: cannot say. The same meanings as a run's own codes have for a MUST. */
const EXIT_OF: Readonly<Record<Judgement, number>> = { 'no worse': 0, better: 0, worse: 1, 'cannot say': 2 }

export const compare: CommandModule<object, CompareArguments> = {
  command: 'compare <baseline> <contender>',
  describe: 'what changed between two runs, beyond the noise of repeated ones',
  builder: (y) =>
    y
      .positional('baseline', { type: 'string', demandOption: true, describe: 'a run, or several with commas between' })
      .positional('contender', { type: 'string', demandOption: true, describe: 'likewise; paired in their order' })
      .option('noise', {
        type: 'string',
        array: true,
        describe: 'three or more runs of one commit and target: by how much they differ is the noise',
      })
      .option('anyway', {
        type: 'boolean',
        default: false,
        describe: 'compare although catalogue, profile, target or machine differ',
      })
      .option('runs-dir', runsDirOption)
      .option('json', jsonOption)
      .epilogue('Exit codes: 0 no worse · 1 worse beyond the noise · 2 cannot say · 3 usage'),
  handler: (args) => {
    const read = (names: readonly string[]) => names.map((name) => runOf(args['runs-dir'], name))
    const baseline = read(args.baseline.split(','))
    const contender = read(args.contender.split(','))
    const repeated = read((args.noise ?? []).flatMap((names) => names.split(',')))
    demandCounts(baseline.length, contender.length, repeated.length)
    const differs = differences([...baseline, ...contender], repeated)
    if (differs.length > 0 && !args.anyway) {
      throw new UsageError(
        `these runs are not comparable: ${differs.join('; ')}`,
        'compare runs that differ in nothing but what is to be judged, or add --anyway',
      )
    }
    const result = compareRuns(baseline, contender, repeated)
    if (args.json) printJson(result)
    else process.stdout.write(table(result.comparisons, baseline.length, result.judgement))
    process.exitCode = EXIT_OF[result.judgement]
  },
}

function runOf(runsDir: string, name: string): ComparableRun {
  return judgeSealed(findRun(runsDir, name))
}

function demandCounts(baseline: number, contender: number, repeated: number): void {
  if (baseline !== contender) {
    throw new UsageError(
      `${baseline} runs cannot be paired with ${contender}`,
      'give as many of the one as of the other',
    )
  }
  if (repeated === 1 || repeated === 2) {
    throw new UsageError('noise takes three repeated runs or more', 'run the same command again: `./readiness run …`')
  }
}

function table(comparisons: readonly Comparison[], pairs: number, judgement: Judgement): string {
  const colours = paint(process.stdout)
  const painted = { worse: colours.red, better: colours.green, 'no worse': colours.green, 'cannot say': colours.yellow }
  const rows = comparisons.map(({ check, what, unit, baseline, contender, ratio, judgement: of, because }) => {
    const figures = baseline || contender ? `${side(baseline, unit)} → ${side(contender, unit)}` : ''
    const factor = ratio === null ? '' : ` ×${ratio.toFixed(2)}`
    return `${painted[of](of.padEnd(10))}  ${check.padEnd(12)} ${what}: ${figures}${factor}${figures === '' ? '' : ' · '}${because}\n`
  })
  const firmer = pairs < 3 ? 'one or two pairs: three or more, interleaved, give a firmer answer\n' : ''
  return `${rows.join('')}${firmer}${judgement}\n`
}

function side(it: Side | null, unit: string): string {
  if (it === null) return 'not measured'
  const interval = it.interval === null ? '' : ` [${number(it.interval.low)}…${number(it.interval.high)}]`
  return `${number(it.value)}${unit === '' ? '' : ` ${unit}`}${interval}${it.n === null ? '' : `, n ${it.n}`}`
}

function number(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4)
}
