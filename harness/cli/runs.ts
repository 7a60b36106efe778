// `./readiness runs` lists what was run; `./readiness prune` removes old runs, only when it is told to.

import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { CommandModule } from 'yargs'
import { UsageError } from '../errors.ts'
import { readJsonFile, sizeOfFolder } from '../evidence/store.ts'
import type { RunState } from '../judge.ts'
import type { Verdicts } from '../result.ts'
import { isAlive } from '../target/lock.ts'
import { jsonOption, printJson, runsDirOption } from './terminal.ts'

interface Row {
  run: string
  verdict: string
  because: string
}

/** Ids begin with their time, so that their order is that of the runs. */
const RUN_ID = /^\d{8}T\d{6}Z-[0-9a-f]{6}$/

function runIds(folder: string): string[] {
  const path = resolve(folder)
  return existsSync(path)
    ? readdirSync(path)
        .filter((name) => RUN_ID.test(name))
        .sort()
    : []
}

export const runs: CommandModule<object, { 'runs-dir': string; json: boolean }> = {
  command: 'runs',
  describe: 'the runs that are kept, newest last',
  builder: (y) => y.option('runs-dir', runsDirOption).option('json', jsonOption),
  handler: (args) => {
    const rows = runIds(args['runs-dir']).map((run) => rowOf(resolve(args['runs-dir']), run))
    if (args.json) printJson(rows)
    else for (const row of rows) process.stdout.write(`${row.run}  ${row.verdict.padEnd(10)}  ${row.because}\n`)
  },
}

function rowOf(folder: string, run: string): Row {
  const path = join(folder, run)
  if (existsSync(join(path, 'proof.json')))
    return { run, verdict: 'PROOF', because: 'known defects against their checks' }
  if (!existsSync(join(path, 'verdicts.json'))) {
    return { run, verdict: isRunning(path) ? 'RUNNING' : 'CUT SHORT', because: 'no verdicts were written' }
  }
  const { verdict, because } = readJsonFile(join(path, 'verdicts.json')) as Verdicts
  return { run, verdict, because }
}

function isRunning(path: string): boolean {
  if (!existsSync(join(path, 'run.json'))) return false
  const state = readJsonFile(join(path, 'run.json')) as RunState
  return state.ended === null && isAlive(state.pid)
}

export const prune: CommandModule<object, { 'runs-dir': string; keep: number; 'dry-run': boolean }> = {
  command: 'prune',
  describe: 'remove old runs, keeping the newest',
  builder: (y) =>
    y
      .option('runs-dir', runsDirOption)
      .option('keep', { type: 'number', default: 20, describe: 'how many of the newest runs stay' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'only say what would go' }),
  handler: (args) => {
    if (!Number.isInteger(args.keep) || args.keep < 1)
      throw new UsageError('--keep must be 1 or more', 'give it like --keep 20')
    const folder = resolve(args['runs-dir'])
    const old = runIds(folder)
      .slice(0, -args.keep)
      .filter((run) => !isRunning(join(folder, run)))
    let bytes = 0
    for (const run of old) {
      bytes += sizeOfFolder(join(folder, run))
      if (!args['dry-run']) rmSync(join(folder, run), { recursive: true, force: true })
    }
    process.stdout.write(
      `${args['dry-run'] ? 'would remove' : 'removed'} ${old.length} runs, ${(bytes / 1e6).toFixed(1)} MB\n`,
    )
  },
}
