// The proof that the checks can fail: every known defect of the bundled Conman must turn its check red for its reason,
// all other checks must stay green, and a clean server must be all green.

import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type AnyCheck, catalogueHash } from './catalogue.ts'
import type { ProfileName } from './check.ts'
import { HarnessError, UsageError } from './errors.ts'
import { Redactor } from './evidence/redact.ts'
import { newRunId, openRunsFolder, RunFolder } from './evidence/store.ts'
import { type Executed, execute } from './execute.ts'
import type { Progress } from './progress.ts'
import type { Proof } from './report-files.ts'
import { openTarget } from './target/open.ts'
import { referenceOptions } from './target/options.ts'
import { commitOfHarness } from './version.ts'

export interface Defect {
  id: string
  title: string
  /** The check that must turn red. */
  check: string
  /** Text that the check's explanation must contain. */
  reason: string
  /** Others that may turn red with it; a closed list. */
  mayRedden: string[]
}

const CONMAN = fileURLToPath(new URL('../reference/conman/main.ts', import.meta.url))

/** The bundled Conman lists its own defects: one registry, beside the code that makes them. */
export async function knownDefects(): Promise<Defect[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', CONMAN, 'defects', '--json'],
    { timeout: 30_000 },
  )
  return JSON.parse(stdout) as Defect[]
}

/** An unknown defect is said before a stack is started for it. */
export async function demandDefects(names: readonly string[]): Promise<Defect[]> {
  const all = await knownDefects()
  for (const name of names) {
    if (!all.some((defect) => defect.id === name)) {
      throw new UsageError(`there is no defect '${name}'`, `known: ${all.map((defect) => defect.id).join(', ')}`)
    }
  }
  return all
}

export interface ProveOptions {
  checks: readonly AnyCheck[]
  profile: ProfileName
  runsFolder: string
  /** Only these defects; empty means all of the selected checks. */
  defects: readonly string[]
  progress: Progress
  signal: AbortSignal
}

export interface ProofRow {
  /** Null for the clean server. */
  defect: string | null
  title: string
  check: string
  caught: boolean
  because: string
}

export async function prove(options: ProveOptions): Promise<{ rows: ProofRow[]; folder: string }> {
  const selected = new Set(options.checks.map((check) => check.id))
  const all = await demandDefects(options.defects)
  const defects = all.filter(
    (defect) => selected.has(defect.check) && (options.defects.length === 0 || options.defects.includes(defect.id)),
  )
  if (defects.length === 0)
    throw new UsageError('no known defect belongs to these checks', '`./readiness prove --list` shows all')

  const folder = new RunFolder(join(openRunsFolder(options.runsFolder), newRunId()), new Redactor())
  const rows: ProofRow[] = []
  for (const defect of [null, ...defects]) {
    options.signal.throwIfAborted()
    const name = defect?.id ?? 'clean'
    options.progress.say(
      `${rows.length + 1} of ${defects.length + 1}: ${defect ? `defect ${defect.id}: ${defect.title}` : 'the clean server'}`,
    )
    const into = join(folder.path, name)
    mkdirSync(into, { recursive: true })
    const result = await execute({
      checks: options.checks,
      profile: options.profile,
      runsFolder: into,
      randomSeed: 1,
      overrides: new Map(),
      seedOver: 'database',
      command: `./readiness run ${options.checks.map((check) => check.id).join(' ')} --profile ${options.profile}${defect ? ` --defect ${defect.id}` : ''}`,
      target: referenceOptions(defect ? { defect: defect.id } : {}),
      openTarget,
      progress: options.progress,
      signal: options.signal,
    })
    if (result.verdicts.ended === 'interrupted') options.signal.throwIfAborted()
    if (result.verdicts.ended !== 'complete') {
      throw new HarnessError(
        `the run with ${name} did not complete: ${result.verdicts.ended_because}`,
        `see ${result.folder}`,
      )
    }
    const row = defect ? rowOf(defect, result) : cleanRow(result)
    rows.push(row)
    options.progress.say(`${row.caught ? 'as wanted' : 'NOT AS WANTED'}: ${row.because}`)
  }
  const proof: Proof = {
    schema: 'readiness-proof/1',
    catalogue_sha256: catalogueHash(),
    harness_commit: commitOfHarness(),
    clean_is_green: rows[0]!.caught,
    finished_at: new Date().toISOString(),
    defects: rows.flatMap(({ defect, check, caught, because }) =>
      defect === null ? [] : [{ defect, check, caught, because }],
    ),
  }
  folder.writeJson('proof.json', proof)
  return { rows, folder: folder.path }
}

function cleanRow({ verdicts }: Executed): ProofRow {
  const red = verdicts.checks.filter((check) => check.outcome !== 'pass')
  return {
    defect: null,
    title: 'no defect',
    check: verdicts.checks.map((check) => check.id).join(', '),
    caught: red.length === 0,
    because:
      red.length === 0
        ? 'all green'
        : red.map((check) => `${check.id} is ${check.outcome}: ${check.because}`).join('; '),
  }
}

function rowOf(defect: Defect, { verdicts }: Executed): ProofRow {
  const check = verdicts.checks.find((candidate) => candidate.id === defect.check)!
  const complaints: string[] = []
  if (check.outcome !== 'fail') complaints.push(`${check.id} is ${check.outcome} (${check.because})`)
  else if (!check.because.includes(defect.reason))
    complaints.push(`${check.id} failed for another reason than ‘${defect.reason}’: ${check.because}`)
  for (const other of verdicts.checks) {
    if (other.id === defect.check || other.outcome === 'pass' || other.outcome === 'not-applicable') continue
    if (!defect.mayRedden.includes(other.id)) complaints.push(`${other.id} should have stayed green: ${other.because}`)
  }
  return {
    defect: defect.id,
    title: defect.title,
    check: defect.check,
    caught: complaints.length === 0,
    because: complaints.length === 0 ? `${check.id} failed: ${check.because}` : complaints.join('; '),
  }
}
