// One run on one target at a time: two would judge each other's load. Stacks of our own are never shared, so this is
// about URLs; the lock is a file with the process that holds it, and a dead holder's lock is taken over.

import { createHash } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { signal } from '../stack/process-table.ts'
import { stateFolder } from '../stack/state-folder.ts'

export function lockTarget(target: { baseUrl: string }): Disposable {
  const folder = stateFolder('locks')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, createHash('sha256').update(target.baseUrl).digest('hex').slice(0, 24))
  // Linked into place with its content, so that nobody ever reads a lock without a holder.
  const mine = `${file}.${process.pid}`
  writeFileSync(mine, String(process.pid), { mode: 0o600 })
  using _ = { [Symbol.dispose]: () => rmSync(mine, { force: true }) }
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      linkSync(mine, file)
      return { [Symbol.dispose]: () => rmSync(file, { force: true }) }
    } catch (cause) {
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause
      const holder = Number(readFileSync(file, 'utf8'))
      if (holder !== process.pid && isAlive(holder)) {
        throw new UsageError(
          `another run (process ${holder}) is using ${target.baseUrl}`,
          'wait until it has ended: two runs on one target would judge each other’s load',
        )
      }
      rmSync(file, { force: true })
    }
  }
  throw new UsageError(`the lock ${file} cannot be taken`, 'remove the file if no other run is using the target')
}

export function isAlive(pid: number): boolean {
  return Number.isInteger(pid) && pid > 0 && signal(pid, 0)
}
