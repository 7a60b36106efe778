// The main job on real parts, as its users start it: three mongod, Toxiproxy, the git backend, Conman and k6. Each run
// must earn its verdict, leave its evidence, and leave nothing else, however it ends.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Verdicts } from '../harness/result.ts'
import { stackParent } from '../harness/stack/storage.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Every trace of a test's stacks is under this folder: temporary files, state, runs. */
let sandbox: string
let environment: Record<string, string>
/** Process ids that were there before: somebody's own stack is not ours to count. */
let strangers: Set<string>
beforeAll(() => {
  strangers = new Set(readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
  sandbox = mkdtempSync(join(stackParent().path, 'conman-readiness-test-'))
  environment = {
    READINESS_TMP: sandbox,
    XDG_STATE_HOME: join(sandbox, 'state'),
    READINESS_RUNS_DIR: join(sandbox, 'runs'),
    NO_COLOR: '1',
  }
})
afterAll(() => rmSync(sandbox, { recursive: true, force: true }))

interface Started {
  child: ChildProcess
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>
  stderr(): string
}

function start(args: string[], env: Record<string, string> = {}): Started {
  const { CONMAN_BASE_URL: _, CONMAN_SERVER_CMD: __, ...inherited } = process.env
  // A group of its own: a signal to it must not reach the test runner.
  const child = spawn(join(root, 'readiness'), args, {
    env: { ...inherited, ...environment, ...env },
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
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, stdout, stderr })),
  )
  return { child, ended, stderr: () => stderr }
}

/**
 * Where a test is not about the latency it must not hang on it: on a busy machine two stacks at once may take longer than
 * the specified two seconds, which is no news about their isolation.
 */
const PATIENT = ['--limit', 'L1.latency_ms_max=60000']

const readiness = (args: string[], env: Record<string, string> = {}) => start(args, env).ended

/** Processes of any stack, k6 and reapers included, that were not there before these tests. */
function processesLeft(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && !strangers.has(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        const env = readFileSync(`/proc/${pid}/environ`, 'utf8')
        const ours =
          command.includes(sandbox) ||
          env.includes(sandbox) ||
          env.includes('READINESS_STACK=') ||
          /stack\/reaper\.ts/.test(command)
        return ours ? [`${pid} ${command}`] : []
      } catch {
        return []
      }
    })
}

function foldersLeft(): string[] {
  return readdirSync(sandbox).filter((name) => name.startsWith('conman-readiness'))
}

async function expectNothingLeft(within_ms = 20_000): Promise<void> {
  const deadline = Date.now() + within_ms
  while (Date.now() < deadline && (processesLeft().length > 0 || foldersLeft().length > 0)) await delay(100)
  expect(processesLeft()).toEqual([])
  expect(foldersLeft()).toEqual([])
}

async function waitFor(what: string, holds: () => boolean, within_ms = 60_000): Promise<void> {
  const deadline = Date.now() + within_ms
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited ${within_ms} ms for ${what}`)
    await delay(50)
  }
}

const verdictsOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'verdicts.json'), 'utf8')) as Verdicts
const latest = () =>
  join(sandbox, 'runs', JSON.parse(readFileSync(join(sandbox, 'runs/latest/plan.json'), 'utf8')).run as string)

describe('the bundled Conman passes L1, and the verdict can be recomputed', () => {
  let folder: string

  test('run: exit 0, PASS, 250 edits, nothing left behind', async () => {
    const { code, stdout, stderr } = await readiness(['run', 'L1', '--profile', 'smoke'])
    expect(stderr).toContain('seeded 50 users')
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^PASS: 1 MUST passed/)
    expect(stdout).toMatch(/^report: .*report\.html$/m)
    expect(code).toBe(0)
    folder = latest()
    const verdicts = verdictsOf(folder)
    expect(verdicts).toMatchObject({
      verdict: 'PASS',
      ended: 'complete',
      profile: 'smoke',
      target: { kind: 'reference' },
    })
    expect(verdicts.checks).toMatchObject([
      {
        id: 'L1',
        level: 'MUST',
        outcome: 'pass',
        n: 250,
        verified_by: ['http', 'git-storage'],
        evidence: 'L1/evidence.json',
      },
      { id: 'L1.audit', level: 'SHOULD', outcome: 'pass' },
    ])
    await expectNothingLeft()
  })

  test('verdicts.json keeps its schema', () => {
    const validate = new Ajv({ strict: false }).compile(
      JSON.parse(readFileSync(join(root, 'schemas/verdicts.schema.json'), 'utf8')),
    )
    expect(validate(verdictsOf(folder)), JSON.stringify(validate.errors)).toBe(true)
  })

  test('no token, password or key is in anything that was written', () => {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    expect(files.length).toBeGreaterThan(5)
    for (const entry of files) {
      const text = readFileSync(join(entry.parentPath, entry.name), 'utf8')
      expect(text, entry.name).not.toMatch(/eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/)
      expect(text, entry.name).not.toMatch(/\$argon2id\$/)
    }
  })

  test('judge gives the same verdict offline, byte for byte', async () => {
    const before = readFileSync(join(folder, 'verdicts.json'), 'utf8')
    const { code, stdout } = await readiness(['judge'])
    expect(code).toBe(0)
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('recomputed: PASS, the same as stored')
    expect(readFileSync(join(folder, 'verdicts.json'), 'utf8')).toBe(before)
  })

  test('evidence that was altered since is refused, not judged', async () => {
    const file = join(folder, 'L1/evidence.json')
    const before = readFileSync(file, 'utf8')
    writeFileSync(file, before.replace('"status": 200', '"status": 201'))
    const { code, stderr } = await readiness(['judge'])
    writeFileSync(file, before)
    expect(code).toBe(3)
    expect(stderr).toContain('altered since the run was sealed: L1/evidence.json')
    expect((await readiness(['judge'])).code).toBe(0)
  })
})

describe('a known defect turns the run red', () => {
  test('edits acknowledged but lost: exit 1, FAIL, and the stack stays up for a look where that was asked for', async () => {
    const { code, stdout } = await readiness([
      'run',
      'L1',
      '--profile',
      'smoke',
      '--defect',
      'lost-edit',
      '--keep-on-failure',
    ])
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^FAIL: 1 MUST failed: L1/)
    expect(code).toBe(1)
    expect(verdictsOf(latest()).checks[0]).toMatchObject({
      outcome: 'fail',
      because: expect.stringMatching(/are lost.*are missing from git/s),
    })
    const id = /readiness down (\w+)/.exec(stdout)![1]!
    const url = /Conman on (http:\S+),/.exec(stdout)![1]!
    expect((await fetch(`${url}/api/health`)).status).toBe(200)
    const down = await readiness(['down', id])
    expect(down.code).toBe(0)
    await expectNothingLeft()
  })
})

describe('a run that is cut short says so and leaves nothing running', () => {
  const underLoad = (run: Started) => waitFor('the load to run', () => run.stderr().includes('load is running'))

  test.each([
    ['Ctrl-C', 'SIGINT'],
    ['SIGTERM', 'SIGTERM'],
  ] as const)('%s', async (_, signal) => {
    const run = start(['run', 'L1', '--profile', 'smoke'])
    await underLoad(run)
    // To the whole group, as a terminal does.
    process.kill(-run.child.pid!, signal)
    const { code, stdout } = await run.ended
    expect(code).toBe(130)
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^INCOMPLETE: the run was cut short/)
    expect(verdictsOf(latest())).toMatchObject({
      verdict: 'INCOMPLETE',
      ended: 'interrupted',
      exit_code: 130,
      counts: { pass: 0 },
    })
    await expectNothingLeft()
  })

  test('kill -9 of the launcher and of the harness itself', async () => {
    for (const victim of ['launcher', 'harness'] as const) {
      const run = start(['run', 'L1', '--profile', 'smoke'])
      await underLoad(run)
      process.kill(victim === 'launcher' ? run.child.pid! : childOf(run.child.pid!), 'SIGKILL')
      await run.ended
      await expectNothingLeft()
    }
    // The harness that was killed wrote no verdict: what it left says that it was cut short.
    const cut = readdirSync(join(sandbox, 'runs'))
      .filter((name) => name.endsWith('.json') === false && name !== 'latest')
      .sort()
      .at(-1)!
    expect(existsSync(join(sandbox, 'runs', cut, 'verdicts.json'))).toBe(false)
    const { code, stdout } = await readiness(['judge', cut])
    expect(code).toBe(130)
    expect(stdout).toMatch(/INCOMPLETE: the run was cut short/)
  })

  test('a stack that is killed while it starts leaves nothing either', async () => {
    const run = start(['run', 'L1', '--profile', 'smoke'])
    await waitFor('a process of the stack', () => foldersLeft().length > 0)
    process.kill(childOf(run.child.pid!), 'SIGKILL')
    await run.ended
    await expectNothingLeft()
  })

  /** The harness under its launcher. */
  function childOf(pid: number): number {
    return Number(
      execFileSync('pgrep', ['-P', String(pid), '-f', 'harness/cli/main.ts'], { encoding: 'utf8' })
        .trim()
        .split('\n')[0],
    )
  }
})

describe('two at once', () => {
  test('two runs on one machine do not disturb each other', async () => {
    const runs = await Promise.all([
      readiness(['run', 'L1', '--profile', 'smoke', '--runs-dir', join(sandbox, 'runs-a'), ...PATIENT]),
      readiness(['run', 'L1', '--profile', 'smoke', '--runs-dir', join(sandbox, 'runs-b'), ...PATIENT]),
    ])
    expect(runs.map(({ stdout }) => stdout.trimEnd().split('\n').at(-1))).toEqual([
      expect.stringMatching(/^PASS/),
      expect.stringMatching(/^PASS/),
    ])
    await expectNothingLeft()
  })
})

describe('a Conman that runs somewhere, by its URL', () => {
  interface Up {
    id: string
    baseUrl: string
    adminEmail: string
    adminPassword: string
    mongoUri: string
    gitStorage: string
    toxiproxyUrl: string
  }
  let up: Up
  const aimed = () => ({
    CONMAN_BASE_URL: up.baseUrl,
    CONMAN_ADMIN_EMAIL: up.adminEmail,
    CONMAN_ADMIN_PASSWORD: up.adminPassword,
  })

  test('up prints addresses and credentials for a program', async () => {
    const { code, stdout } = await readiness(['up', '--json'])
    expect(code).toBe(0)
    up = JSON.parse(stdout) as Up
    expect((await fetch(`${up.baseUrl}/api/health`)).status).toBe(200)
  })

  test('L1 by the API alone: it passes, says through what, and a second time finds its fixtures', async () => {
    for (const _ of ['first', 'second']) {
      const { code, stdout } = await readiness(['run', 'L1', '--json', ...PATIENT], aimed())
      const verdicts = JSON.parse(stdout) as Verdicts
      expect(verdicts.checks[0]).toMatchObject({ id: 'L1', outcome: 'pass', verified_by: ['http'] })
      expect(verdicts.target).toMatchObject({ kind: 'url', address: up.baseUrl, settings: {} })
      expect(verdicts.overridden_limits).toEqual(['L1.latency_ms_max: 60000 ms instead of 2000 ms'])
      expect(code).toBe(0)
    }
  })

  test('with the database and the repositories handed over, git and the audit rows are asked too', async () => {
    const { stdout } = await readiness(['run', 'L1', '--json', ...PATIENT], {
      ...aimed(),
      CONMAN_MONGO_URI: up.mongoUri,
      CONMAN_GIT_STORAGE: up.gitStorage,
    })
    const verdicts = JSON.parse(stdout) as Verdicts
    expect(verdicts.checks).toMatchObject([
      { id: 'L1', outcome: 'pass', verified_by: ['http', 'git-storage'] },
      { id: 'L1.audit', outcome: 'pass', verified_by: ['mongo'] },
    ])
  })

  test('two runs on one target are refused, before either disturbs the other', async () => {
    const first = start(['run', 'L1', ...PATIENT], aimed())
    await waitFor('the first run to begin', () => first.stderr().includes('users write'))
    const second = await readiness(['run', 'L1'], aimed())
    expect(second.code).toBe(3)
    expect(second.stderr).toMatch(/another run \(process \d+\) is using/)
    expect((await first.ended).code).toBe(0)
  })

  test('wrong credentials on a real Conman', async () => {
    const { code, stderr } = await readiness(['run', 'L1'], { ...aimed(), CONMAN_ADMIN_PASSWORD: 'not-the-password' })
    expect(code).toBe(3)
    expect(stderr).toContain('does not accept the credentials')
  })

  test('down ends it, whole', async () => {
    const { code, stdout } = await readiness(['down', up.id])
    expect(code).toBe(0)
    expect(stdout).toContain(`ended ${up.id}`)
    await expectNothingLeft()
    await expect(canConnect(up.baseUrl)).resolves.toBe(false)
  })

  function canConnect(url: string): Promise<boolean> {
    const { hostname, port } = new URL(url)
    return new Promise((resolve) => {
      const socket = connect(Number(port), hostname)
      socket.once('connect', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
  }
})
