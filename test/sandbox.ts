// Real starts of ./readiness in a folder of their own, and a look afterwards at what they left: processes, k6 and reapers
// included, and temporary folders.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { Verdicts } from '../harness/result.ts'
import { stackParent } from '../harness/stack/storage.ts'

export const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Where a test is not about the latency it must not hang on it: on a busy machine two stacks at once may take longer than
 * the specified two seconds, which is no news about their isolation.
 */
export const PATIENT = ['--limit', 'L1.latency_ms_max=60000']

export interface Started {
  child: ChildProcess
  ended: Promise<Ended>
  stderr(): string
}

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

export const verdictsOf = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'verdicts.json'), 'utf8')) as Verdicts

export class Sandbox implements Disposable {
  /** Every trace of a test's stacks is under this folder: temporary files, state, runs. */
  readonly folder = mkdtempSync(join(stackParent().path, 'conman-readiness-test-'))
  readonly #temporary = join(this.folder, 'tmp')

  constructor() {
    mkdirSync(this.#temporary)
  }

  start(args: string[], env: Record<string, string> = {}): Started {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('CONMAN_'))
    // A group of its own: a signal to it must not reach the test runner.
    const child = spawn(join(root, 'readiness'), args, {
      env: {
        ...Object.fromEntries(inherited),
        READINESS_TMP: this.folder,
        // Also how to know them all: programs of the stack, reapers and hooks are given this variable, and the folder is ours.
        TMPDIR: this.#temporary,
        XDG_STATE_HOME: join(this.folder, 'state'),
        READINESS_RUNS_DIR: join(this.folder, 'runs'),
        NO_COLOR: '1',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
    return { child, ended, stderr: () => stderr }
  }

  readonly readiness = (args: string[], env: Record<string, string> = {}): Promise<Ended> => this.start(args, env).ended

  /** The folder of the newest run. */
  latest(): string {
    const plan = JSON.parse(readFileSync(join(this.folder, 'runs/latest/plan.json'), 'utf8')) as { run: string }
    return join(this.folder, 'runs', plan.run)
  }

  /** Whatever stands where runs are kept. */
  runs(): string[] {
    const folder = join(this.folder, 'runs')
    return existsSync(folder) ? readdirSync(folder) : []
  }

  processesLeft(): string[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .flatMap((pid) => {
        try {
          const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
          const env = readFileSync(`/proc/${pid}/environ`, 'utf8')
          return command.includes(this.folder) || env.includes(this.folder) ? [`${pid} ${command}`] : []
        } catch {
          return []
        }
      })
  }

  foldersLeft(): string[] {
    return readdirSync(this.folder).filter((name) => name.startsWith('conman-readiness'))
  }

  async expectNothingLeft(within_ms = 20_000): Promise<void> {
    const deadline = Date.now() + within_ms
    while (Date.now() < deadline && (this.processesLeft().length > 0 || this.foldersLeft().length > 0)) await delay(100)
    expect(this.processesLeft()).toEqual([])
    expect(this.foldersLeft()).toEqual([])
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
