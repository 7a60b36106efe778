// A run on disk: `runs/<utc time>-<short id>/`. Files are written whole (to a temporary name, then renamed), redacted,
// and listed with their hashes in manifest.json, so that a file cut short or altered later is noticed before it is judged.

import { createHash, randomBytes } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { Ajv } from 'ajv'
import type { TSchema } from 'typebox'
import { EvidenceNotWritten, UsageError } from '../errors.ts'
import type { Redactor } from './redact.ts'

const MANIFEST = 'manifest.json'

/** Sorts by time and tells runs of the same second apart. */
export function newRunId(now = new Date()): string {
  const time = now.toISOString().replace(/[-:]/g, '').replace(/\..*/, 'Z')
  return `${time}-${randomBytes(3).toString('hex')}`
}

/** Makes the runs folder and proves that it can be written, before anything is started. */
export function openRunsFolder(folder: string): string {
  const path = resolve(folder)
  try {
    mkdirSync(path, { recursive: true })
    const probe = join(path, `.probe-${process.pid}`)
    writeFileSync(probe, '')
    rmSync(probe)
  } catch (cause) {
    throw new UsageError(
      `the runs folder ${path} cannot be written (${reasonOf(cause)})`,
      'give another one with --runs-dir, or mend its permissions',
      { cause },
    )
  }
  return path
}

export class RunFolder {
  readonly id: string
  readonly path: string
  readonly #redactor: Redactor
  /** Files of lines that have their folder. */
  readonly #begun = new Set<string>()

  constructor(path: string, redactor: Redactor) {
    this.path = path
    this.id = path.split(sep).at(-1)!
    this.#redactor = redactor
  }

  /** Writes JSON, redacted, whole or not at all. `name` is relative to the run. */
  writeJson(name: string, value: unknown): void {
    this.writeText(name, `${JSON.stringify(this.#redactor.json(value), null, 1)}\n`)
  }

  writeText(name: string, text: string): void {
    const path = join(this.path, name)
    const temporary = `${path}.part`
    try {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(temporary, this.#redactor.text(text))
      renameSync(temporary, path)
    } catch (cause) {
      rmSync(temporary, { force: true })
      throw new EvidenceNotWritten(
        `${path} could not be written (${reasonOf(cause)})`,
        'make room on the disk, or give another folder with --runs-dir; then run again',
        { cause },
      )
    }
  }

  /** Adds a line of JSON, redacted. It is there when the next thing happens, also when that ends the harness. */
  appendJsonLine(name: string, value: unknown): void {
    const path = join(this.path, name)
    try {
      if (!this.#begun.has(name)) mkdirSync(dirname(path), { recursive: true })
      this.#begun.add(name)
      appendFileSync(path, `${JSON.stringify(this.#redactor.json(value))}\n`)
    } catch (cause) {
      throw new EvidenceNotWritten(
        `${path} could not be written (${reasonOf(cause)})`,
        'make room on the disk, or give another folder with --runs-dir; then run again',
        { cause },
      )
    }
  }

  /** Copies a log into the run, redacted; keeps its last 4 MiB when it is longer, and says so. */
  copyLog(from: string, name: string): void {
    const longest = 4 * 1024 * 1024
    if (!existsSync(from)) return
    const bytes = readFileSync(from)
    const cut = bytes.length > longest
    const text = (cut ? bytes.subarray(bytes.length - longest) : bytes).toString('utf8')
    this.writeText(name, cut ? `[the first ${bytes.length - longest} bytes are left out]\n${text}` : text)
  }

  has(name: string): boolean {
    return existsSync(join(this.path, name))
  }

  /** Hashes of everything that verdicts rest on. Written last: its absence says that the run was cut short. */
  seal(): void {
    const files = Object.fromEntries(sealedFiles(this.path).map((name) => [name, sha256OfFile(join(this.path, name))]))
    this.writeText(MANIFEST, `${JSON.stringify({ schema: 'readiness-manifest/1', files }, null, 1)}\n`)
  }

  /** Points `runs/latest` here. A file system without symbolic links goes without. */
  markLatest(): void {
    const link = join(dirname(this.path), 'latest')
    try {
      if (lstatSync(link, { throwIfNoEntry: false })) rmSync(link, { force: true })
      symlinkSync(this.id, link)
    } catch {
      // A pointer for convenience: nothing reads a verdict through it.
    }
  }
}

/** What comes of verdicts, or stands beside them, and so is outside the seal. */
export const STATEMENT_FILE = 'statement.json'
export const ENVELOPE_FILE = 'statement.dsse.json'
export const SIGN_OFFS_FILE = 'sign-offs.json'
const DERIVED = new Set([
  MANIFEST,
  'verdicts.json',
  'report.html',
  'report.md',
  'run.json',
  STATEMENT_FILE,
  ENVELOPE_FILE,
  SIGN_OFFS_FILE,
])

/** Every file of a run by its path in it, sorted; not those that were being written when the run was cut. */
export function filesOf(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.part'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort()
}

/** What verdicts are derived from. */
function sealedFiles(root: string): string[] {
  return filesOf(root).filter((name) => !DERIVED.has(name) && basename(name) !== 'verdict.json')
}

export function sha256OfFile(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** Finds a run by path, by id, or `latest`. */
export function findRun(runsFolder: string, name: string): string {
  for (const candidate of [resolve(name), join(resolve(runsFolder), name)]) {
    if (existsSync(join(candidate, 'plan.json'))) return resolveLink(candidate)
  }
  throw new UsageError(
    `there is no run '${name}' (no plan.json in it)`,
    `give a folder of ${resolve(runsFolder)}, or 'latest'; \`./readiness runs\` lists them`,
  )
}

function resolveLink(path: string): string {
  const entry = lstatSync(path)
  if (!entry.isSymbolicLink()) return path
  // `latest` is a link inside the runs folder: name the run itself.
  const plan = readJsonFile(join(path, 'plan.json')) as { run?: unknown }
  const real = join(dirname(path), String(plan.run))
  return existsSync(join(real, 'plan.json')) ? real : path
}

/** Files whose hash is not the sealed one, or null when the run was never sealed. */
export function brokenSeals(run: string): string[] | null {
  const path = join(run, MANIFEST)
  if (!existsSync(path)) return null
  const manifest = readJsonFile(path) as { files?: Record<string, string> }
  const sealed = manifest.files ?? {}
  const present = new Set(sealedFiles(run))
  const broken: string[] = []
  for (const [name, hash] of Object.entries(sealed)) {
    if (!present.delete(name) || sha256OfFile(join(run, name)) !== hash) broken.push(name)
  }
  return [...broken, ...present].sort()
}

/** Reads a file of JSON lines; one clear error for one that is missing, cut short or holds something else. */
export function readJsonLines(path: string): unknown[] {
  if (!existsSync(path)) throw new UsageError(`${path} is missing`, 'the run’s folder is incomplete: run again')
  const lines = readFileSync(path, 'utf8').split('\n')
  const rest = lines.pop()
  if (rest !== '') throw new UsageError(`${path} is cut short`, 'the run was ended while it was written: run again')
  return lines.map((line, index) => {
    try {
      return JSON.parse(line)
    } catch {
      throw new UsageError(`${path}, line ${index + 1}, is no JSON`, 'the file was altered: run again')
    }
  })
}

/** Reads a JSON file of a run; one clear error for a file that is missing, cut short or no JSON. */
export function readJsonFile(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new UsageError(`${path} cannot be read (${reasonOf(cause)})`, 'give a complete run folder', { cause })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UsageError(
      `${path} is cut short or not JSON (${reasonOf(cause)})`,
      'restore the file, or run the check again; nothing was judged from it',
      { cause },
    )
  }
}

const ajv = new Ajv({ strict: false, allErrors: false })

/** Holds data against its schema. The error names the file, the place in it and what was wanted. */
export function demandSchema(schema: TSchema, value: unknown, what: string): void {
  const validate = ajv.compile(schema)
  if (validate(value)) return
  const error = validate.errors?.[0]
  throw new UsageError(
    `${what} does not have the shape that this version reads: ${error?.instancePath || '/'} ${error?.message ?? ''}`.trim(),
    'it was written by another version or altered; run the check again, or judge it with the version that wrote it',
  )
}

export function reasonOf(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') {
    const known: Record<string, string> = {
      ENOSPC: 'no space left on the disk',
      EACCES: 'permission denied',
      EROFS: 'the file system is read-only',
      ENOENT: 'it does not exist',
      ENOTDIR: 'a part of its path is not a folder',
      EEXIST: 'something else has that name',
    }
    return known[cause.code] ?? cause.code
  }
  return cause instanceof Error ? cause.message : String(cause)
}

/** Free bytes matter only for their absence: a run needs some tens of megabytes. */
export function sizeOfFolder(path: string): number {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}
