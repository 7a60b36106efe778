// The user's own commands, for real: what they are given, what is kept of them, and that none of them holds up a run,
// outlives what it should not, or takes down what it was to start.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HarnessError } from '../errors.ts'
import { Redactor } from '../evidence/redact.ts'
import { RunFolder } from '../evidence/store.ts'
import { signal } from '../stack/process-table.ts'
import { ConmanError } from './conman.ts'
import { type HookRecord, Hooks } from './hooks.ts'
import type { HookName } from './options.ts'
import { Repositories } from './repositories.ts'
import { readEnd, UserPrograms } from './user-program.ts'

const SECRET = 'AdminPassw0rd!!'
const live = new AbortController().signal

let folder: string
let programs: UserPrograms
let run: RunFolder
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'conman-readiness-test-'))
  programs = new UserPrograms()
  const redactor = new Redactor()
  redactor.add(SECRET)
  run = new RunFolder(join(folder, '20261125T000000Z-abcdef'), redactor)
  run.writeJson('run.json', {})
})
afterEach(async () => {
  await programs[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** A hook of a script; what it writes into `$0.*` can be looked at. */
function hooksOf(name: HookName, script: string, timeout_s = 20, args: string[] = []): { hooks: Hooks; file: string } {
  const file = join(folder, name)
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
  const redactor = new Redactor()
  redactor.add(SECRET)
  const hooks = new Hooks({ hooks: { [name]: { words: [file, ...args], timeout_s } }, givenBy: {} }, programs, redactor)
  hooks.recordInto(run)
  return { hooks, file }
}

const recorded = (): HookRecord[] =>
  readFileSync(join(run.path, 'hooks.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as HookRecord)

const isAlive = (pid: number) => {
  // A killed child whose parent is gone may stay as a zombie where nobody reaps: it runs nothing any more.
  const state = existsSync(`/proc/${pid}/stat`)
    ? readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.[0]
    : undefined
  return process.platform === 'linux' ? state !== undefined && state !== 'Z' : signal(pid, 0)
}
const pidIn = (file: string) => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0)

describe('a hook', () => {
  test('gets what it needs to know, none of our secrets, and its words as they are', async () => {
    process.env.CONMAN_ADMIN_PASSWORD = SECRET
    try {
      const { hooks } = hooksOf('worker-kill', 'env; echo "[$1][$2]" >&2', 20, ['$HOME; rm *', 'a  b'])
      const record = await hooks.run('worker-kill', live)
      expect(record.stdout).toMatch(/^READINESS_HOOK=worker-kill$/m)
      expect(record.stdout).toMatch(/^READINESS_RUN=20261125T000000Z-abcdef$/m)
      expect(record.stdout).toMatch(/^PATH=/m)
      expect(record.stdout).not.toMatch(/CONMAN_|READINESS_STACK|READINESS_REPO/)
      expect(record.stderr).toBe('[$HOME; rm *][a  b]\n')
      expect(record).toMatchObject({ exit_code: 0, signal: null, timed_out: false })
      expect(recorded()).toEqual([record])
    } finally {
      delete process.env.CONMAN_ADMIN_PASSWORD
    }
  })

  test('that fails makes an error that says how, with its last line', async () => {
    const { hooks } = hooksOf('git-stop', 'echo first; echo "no such unit" >&2; exit 3')
    const failed = hooks.run('git-stop', live)
    await expect(failed).rejects.toThrow(HarnessError)
    await expect(failed).rejects.toThrow('the hook git-stop ended with exit code 3: no such unit')
    expect(recorded()).toMatchObject([{ hook: 'git-stop', exit_code: 3, stdout: 'first\n' }])
  })

  test('that is gone when it is wanted', async () => {
    const { hooks, file } = hooksOf('git-stop', '')
    rmSync(file)
    await expect(hooks.run('git-stop', live)).rejects.toThrow('the hook git-stop could not be started (ENOENT)')
    expect(recorded()).toMatchObject([{ exit_code: null, not_started: 'ENOENT' }])
  })

  test('that prints a secret has it taken out, in the record, the run and the error', async () => {
    const { hooks } = hooksOf('git-stop', `echo "password: ${SECRET}"; echo "token ${SECRET}" >&2; exit 1`, 20, [
      SECRET,
    ])
    await expect(hooks.run('git-stop', live)).rejects.toThrow(/token \[redacted\]$/)
    expect(recorded()[0]!.stdout).toBe('password: [redacted]\n')
    expect(readFileSync(join(run.path, 'hooks.jsonl'), 'utf8')).not.toContain(SECRET)
  })

  test.each([
    [
      'deaf to SIGTERM',
      `trap '' TERM; sleep 600 & echo $! > "$0.child"; echo $$ > "$0.self"; wait; sleep 600`,
      'SIGKILL',
    ],
    [
      'that leaves a deaf child behind',
      `sh -c "trap '' TERM; while :; do sleep 1; done" & echo $! > "$0.child"; echo $$ > "$0.self"; wait`,
      'SIGTERM',
    ],
  ])('that hangs, %s, is ended whole', async (_, script, by) => {
    const { hooks, file } = hooksOf('git-stop', script, 1)
    await expect(hooks.run('git-stop', live)).rejects.toThrow(/did not end within 1 s and was ended/)
    expect(recorded()).toMatchObject([{ timed_out: true, exit_code: null, signal: by }])
    for (const pid of [pidIn(`${file}.child`), pidIn(`${file}.self`)]) {
      expect(pid).toBeGreaterThan(1)
      await expect.poll(() => isAlive(pid)).toBe(false)
    }
  })

  test('that starts something is done when it ends, and what it started lives on and may write', async () => {
    const { hooks, file } = hooksOf(
      'worker-start',
      `(until [ -e "$0.go" ]; do sleep 0.05; done; echo alive || exit 1; echo done > "$0.wrote"; exec sleep 600) & echo $! > "$0.child"`,
    )
    await hooks.run('worker-start', live)
    await programs[Symbol.asyncDispose]()
    const child = pidIn(`${file}.child`)
    try {
      expect(isAlive(child)).toBe(true)
      writeFileSync(`${file}.go`, '')
      await expect.poll(() => existsSync(`${file}.wrote`), { timeout: 10_000 }).toBe(true)
      expect(isAlive(child)).toBe(true)
    } finally {
      signal(child, 'SIGKILL')
    }
  })

  test('that writes without end is ended, and only the end of it is kept', async () => {
    const { hooks } = hooksOf('git-stop', 'yes "a line of 40 characters, again and again" ')
    await expect(hooks.run('git-stop', live)).rejects.toThrow(/wrote more than 32 MiB and was ended/)
    const [record] = recorded()
    expect(record!.stdout).toMatch(/^\[\d+ bytes before this are left out\]\na line/)
    expect(record!.stdout.length).toBeLessThan(20_000)
  })

  test('is ended when the run is interrupted', async () => {
    const controller = new AbortController()
    const { hooks, file } = hooksOf('git-stop', 'echo $$ > "$0.self"; sleep 600')
    const running = hooks.run('git-stop', controller.signal)
    await expect.poll(() => pidIn(`${file}.self`)).toBeGreaterThan(1)
    controller.abort(new Error('interrupted by SIGINT'))
    await expect(running).rejects.toThrow('interrupted by SIGINT')
    await expect.poll(() => isAlive(pidIn(`${file}.self`))).toBe(false)
  })

  test('does not outlive a harness that is killed', async () => {
    const file = join(folder, 'hook')
    writeFileSync(file, `#!/bin/sh\necho $$ > "$0.self"\nsleep 600\n`)
    chmodSync(file, 0o755)
    const program = fileURLToPath(new URL('./test-programs/run-a-hook.ts', import.meta.url))
    const harness = spawn(process.execPath, [program, file], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [own] = (await once(createInterface({ input: harness.stdout }), 'line')) as [string]
    await expect.poll(() => pidIn(`${file}.self`), { timeout: 10_000 }).toBeGreaterThan(1)
    harness.kill('SIGKILL')
    await expect.poll(() => isAlive(pidIn(`${file}.self`)), { timeout: 20_000 }).toBe(false)
    await expect.poll(() => existsSync(own), { timeout: 20_000 }).toBe(false)
  })

  test('that was not handed over is asked for', async () => {
    const { hooks } = hooksOf('git-stop', '')
    expect(hooks.has('git-start')).toBe(false)
    await expect(hooks.run('git-start', live)).rejects.toThrow('there is no hook git-start')
  })
})

describe('repositories', () => {
  test('from a list serve one app each, in its order, the same app the same', async () => {
    const repositories = new Repositories({ repos: ['a.git', 'b.git'] }, undefined, live)
    expect(await repositories.for('one')).toBe('a.git')
    expect(await repositories.for('two')).toBe('b.git')
    expect(await repositories.for('one')).toBe('a.git')
    await expect(repositories.for('three')).rejects.toThrow(
      'this is app 3 of the run, and 2 repositories were handed over',
    )
  })

  test('are made by the hook, at a path of the app’s own, also when the list is used up', async () => {
    const { hooks } = hooksOf('repo-create', 'echo "$READINESS_REPO_PATH=$1"', 20, ['--path={repo}'])
    const repositories = new Repositories({ repos: ['a.git'] }, hooks, live)
    expect(await repositories.for('one')).toBe('a.git')
    expect(await repositories.for('readiness-1-two')).toBe('readiness-1-two.git')
    expect(recorded()).toMatchObject([{ stdout: 'readiness-1-two.git=--path=readiness-1-two.git\n' }])
  })

  test('that a hook could not make are not asked of the target', async () => {
    const { hooks } = hooksOf('repo-create', 'exit 1')
    await expect(new Repositories({ repos: [] }, hooks, live).for('one')).rejects.toThrow(
      /the hook repo-create ended with exit code 1/,
    )
  })

  test('left to the target: what fails says what to hand over, and only where that can be why', async () => {
    const answered = (status: number) =>
      new ConmanError('creating app x', { status, headers: {}, text: '', json: undefined, duration_ms: 1 })
    const left = new Repositories({ repos: [] }, undefined, live)
    expect(await left.for('one')).toBe('one.git')
    expect(left.explain(answered(502))).toMatchObject({
      message: expect.stringMatching(/HTTP 502.*no repository was handed over/),
      remedy: expect.stringContaining('CONMAN_REPOS'),
    })
    for (const status of [0, 401, 403, 429]) expect(left.explain(answered(status))).toBeInstanceOf(ConmanError)
    const given = new Repositories({ repos: ['a.git'] }, undefined, live)
    expect(given.explain(answered(409))).toMatchObject({ message: expect.stringMatching(/does no other app use it/) })
  })
})

test('the end of a file begins with a whole line, so that no half of a secret stands in it', () => {
  const file = join(folder, 'log')
  writeFileSync(file, `${SECRET}\nsecond\nthird\n`)
  expect(readEnd(file, 1_000)).toEqual({ text: `${SECRET}\nsecond\nthird\n`, left_out_bytes: 0 })
  expect(readEnd(file, 20)).toEqual({ text: 'second\nthird\n', left_out_bytes: SECRET.length + 1 })
  expect(readEnd(file, 1_000, 16)).toEqual({ text: 'second\nthird\n', left_out_bytes: 0 })
  writeFileSync(file, SECRET.repeat(4))
  expect(readEnd(file, 20)).toEqual({ text: '', left_out_bytes: SECRET.length * 4 })
})
