// `./readiness baselines <run>…`: what load runs measured, and the limits that they are held against, into docs/scale.md. No
// figure gets there in another way.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { CommandModule } from 'yargs'
import {
  type Baseline,
  type Baselines,
  BaselinesSchema,
  baselinesIn,
  baselineTable,
  limitTable,
  loadChecks,
  merged,
  withTable,
} from '../baselines.ts'
import { demandSchema, findRun, readJsonFile } from '../evidence/store.ts'
import { judgeSealed } from './judge.ts'
import { jsonOption, printJson, runsDirOption } from './terminal.ts'

export const SCALE_PAGE = fileURLToPath(new URL('../../docs/scale.md', import.meta.url))
export const BASELINES_FILE = fileURLToPath(new URL('../../docs/baselines.json', import.meta.url))

interface BaselinesArguments {
  runs: string[]
  'runs-dir': string
  json: boolean
}

export const baselines: CommandModule<object, BaselinesArguments> = {
  command: 'baselines [runs..]',
  describe: 'what load runs measured, into the tables of docs/scale.md',
  builder: (y) =>
    y
      .positional('runs', {
        type: 'string',
        array: true,
        default: [],
        describe: 'runs by id or folder; none: the tables are written again from docs/baselines.json',
      })
      .option('runs-dir', runsDirOption)
      .option('json', jsonOption)
      .epilogue(
        'The newest figure of each check, profile, target and hardware is kept. What was not verified, seeded with a defect or held against a changed limit is left out, and said.',
      ),
  handler: (args) => {
    const found = args.runs.map((name) => baselinesIn(judgeSealed(findRun(args['runs-dir'], name))))
    const taken = found.flatMap((one) => one.taken)
    const left = found.flatMap((one) => one.left)
    const kept = merged(knownBaselines(), taken)
    const stored: Baselines = { schema: 'readiness-baselines/1', baselines: kept }
    writeFileSync(BASELINES_FILE, `${JSON.stringify(stored, null, 1)}\n`)
    writeFileSync(SCALE_PAGE, pageWith(readFileSync(SCALE_PAGE, 'utf8'), kept))
    if (args.json) printJson({ taken, left, kept: kept.length })
    else {
      for (const reason of left) process.stdout.write(`left out: ${reason}\n`)
      process.stdout.write(`${taken.length} figures taken, ${kept.length} in ${SCALE_PAGE}\n`)
    }
  },
}

export function knownBaselines(): Baseline[] {
  if (!existsSync(BASELINES_FILE)) return []
  const stored = readJsonFile(BASELINES_FILE)
  demandSchema(BaselinesSchema, stored, BASELINES_FILE)
  return (stored as Baselines).baselines
}

/** docs/scale.md with both tables as they must be. */
export function pageWith(page: string, known: readonly Baseline[]): string {
  return withTable(withTable(page, 'limits', limitTable(loadChecks())), 'baselines', baselineTable(known))
}
