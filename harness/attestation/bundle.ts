// A run as one file that can be kept and verified elsewhere: a tar.gz whose bytes depend on the run's files alone.

import type { KeyObject } from 'node:crypto'
import { closeSync, lstatSync, mkdtempSync, openSync, readdirSync, readSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { create, extract } from 'tar'
import { UsageError } from '../errors.ts'
import { Redactor } from '../evidence/redact.ts'
import { ENVELOPE_FILE, RunFolder, reasonOf, STATEMENT_FILE } from '../evidence/store.ts'
import type { Judged } from '../judge.ts'
import { Reaper } from '../stack/reaper-client.ts'
import { stackParent } from '../stack/storage.ts'
import { seal } from './dsse.ts'
import { attestedFiles, statementOf } from './statement.ts'

/** Larger than any run of ours; a bundle that unpacks to more is not read to its end. */
const UNPACKED_BYTES_MAX = 4 * 1024 ** 3
const FILES_MAX = 20_000

/** Writes the statement, signed where there is a key, into the run's folder. */
export function attest(path: string, { plan, verdicts }: Judged, key: KeyObject | null): void {
  const folder = new RunFolder(path, new Redactor())
  const text = `${JSON.stringify(statementOf(path, plan, verdicts), null, 1)}\n`
  folder.writeText(STATEMENT_FILE, text)
  // An older signature is none of this statement.
  rmSync(join(path, ENVELOPE_FILE), { force: true })
  if (key !== null) folder.writeJson(ENVELOPE_FILE, seal(text, key))
}

export async function pack(path: string, to: string): Promise<void> {
  const names = [...attestedFiles(path), STATEMENT_FILE, ENVELOPE_FILE].filter((name) =>
    lstatSync(join(path, name), { throwIfNoEntry: false }),
  )
  try {
    await create({ cwd: path, file: to, gzip: true, portable: true, mtime: new Date(0) }, names)
  } catch (cause) {
    rmSync(to, { force: true })
    throw new UsageError(`${to} could not be written (${reasonOf(cause)})`, 'give another path with --out', { cause })
  }
}

/** Calls `use` with a folder that holds what the bundle holds. Links, devices and paths that lead out of it are refused. */
export async function unpacked<T>(bundle: string, use: (path: string) => Promise<T>): Promise<T> {
  const path = mkdtempSync(join(stackParent().path, 'conman-readiness-bundle-'))
  // The folder goes also where this process is killed.
  await using reaper = new Reaper(basename(path))
  reaper.registerFolder(path)
  let bytes = 0
  let files = 0
  let refused: string | null = null
  try {
    await extract({
      file: bundle,
      cwd: path,
      strict: true,
      filter: (name, entry) => {
        const type = 'type' in entry ? entry.type : 'File'
        bytes += entry.size
        files += 1
        if (type !== 'File' && type !== 'Directory') refused ??= `${name} is a ${type}`
        if (bytes > UNPACKED_BYTES_MAX || files > FILES_MAX) refused ??= 'it unpacks to more than any run is'
        return refused === null
      },
    })
    if (refused !== null) throw new Error(refused)
    if (!readdirSync(path).includes('plan.json')) throw new Error('there is no plan.json in it')
  } catch (cause) {
    throw new UsageError(
      `${bundle} is no bundle of a run (${reasonOf(cause)})`,
      'give a file that `./readiness bundle` wrote, whole',
      { cause },
    )
  }
  return use(path)
}

/** Gzip's first bytes: a bundle is told from a run's folder by what it is, not by its name. */
export function isBundle(path: string): boolean {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false
  const head = Buffer.alloc(2)
  const file = openSync(path, 'r')
  try {
    readSync(file, head)
  } finally {
    closeSync(file)
  }
  return head[0] === 0x1f && head[1] === 0x8b
}
