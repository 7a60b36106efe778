// The main job on real parts, as its users start it: three mongod, Toxiproxy, the git backend, Conman and k6. Each run
// must earn its verdict, leave its evidence, and leave nothing else, however it ends.

import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Ajv } from 'ajv'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Verdicts } from '../harness/result.ts'
import type { ServerSide } from '../harness/server-side/evidence.ts'
import { playPods } from './play-pods.ts'
import { PATIENT, root, Sandbox, type Started, verdictsOf } from './sandbox.ts'

let sandbox: Sandbox
let readiness: Sandbox['readiness']
beforeAll(() => {
  sandbox = new Sandbox()
  readiness = sandbox.readiness
})
afterAll(() => sandbox[Symbol.dispose]())

async function waitFor(what: string, holds: () => boolean, within_ms = 60_000): Promise<void> {
  const deadline = Date.now() + within_ms
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited ${within_ms} ms for ${what}`)
    await delay(50)
  }
}

describe('the bundled Conman passes L1, and the verdict can be recomputed', () => {
  let folder: string

  test('run: exit 0, PASS, 250 edits, nothing left behind', async () => {
    const { code, stdout, stderr } = await readiness(['run', 'L1', '--profile', 'smoke'])
    expect(stderr).toContain('seeded 50 users')
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^PASS: 1 MUST passed/)
    expect(stdout).toMatch(/^report: .*report\.html$/m)
    expect(code).toBe(0)
    folder = sandbox.latest()
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
    await sandbox.expectNothingLeft()
  })

  test('beside the load stands what the server did: counted alike by both, and every part looked at', () => {
    const { loads } = JSON.parse(readFileSync(join(folder, 'L1/server-side.json'), 'utf8')) as ServerSide
    expect(loads).toHaveLength(1)
    const { client, metrics, database, processes, jobs, machine } = loads[0]!
    for (const part of [metrics, database, processes, jobs, machine]) expect(part).not.toHaveProperty('because')
    expect(metrics).toMatchObject({ fell: 0, unreadable_lines: 0, scrapes_failed: 0 })
    expect(database).toMatchObject({ members: [{}, {}, {}] })
    expect(processes).toEqual(
      expect.arrayContaining(['conman-api', 'git-backend'].map((name) => expect.objectContaining({ name }))),
    )
    expect(client.map(({ method, route }) => `${method} ${route}`)).toContain('PUT /api/apps/*/workspaces/*/files')
    const [check] = verdictsOf(folder).checks
    expect(check!.notes).toEqual([expect.stringMatching(/^Bottlenecks: .+\.$/)])
    expect(check!.findings).toContainEqual(
      expect.objectContaining({
        claim: 'the server counted every answer that the client recorded',
        outcome: 'pass',
        because: expect.stringMatching(/^all \d+ answers/),
      }),
    )
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
    expect(verdictsOf(sandbox.latest()).checks[0]).toMatchObject({
      outcome: 'fail',
      because: expect.stringMatching(/are lost.*are missing from git/s),
    })
    const id = /readiness down (\w+)/.exec(stdout)![1]!
    const url = /Conman on (http:\S+),/.exec(stdout)![1]!
    expect((await fetch(`${url}/api/health`)).status).toBe(200)
    const down = await readiness(['down', id])
    expect(down.code).toBe(0)
    await sandbox.expectNothingLeft()
  })
})

describe('a run that is cut short says so and leaves nothing running', () => {
  const underLoad = (run: Started) => waitFor('the load to run', () => run.stderr().includes('load is running'))

  test.each([
    ['Ctrl-C', 'SIGINT'],
    ['SIGTERM', 'SIGTERM'],
  ] as const)('%s', async (_, signal) => {
    const run = sandbox.start(['run', 'L1', '--profile', 'smoke'])
    await underLoad(run)
    // To the whole group, as a terminal does.
    process.kill(-run.child.pid!, signal)
    const { code, stdout } = await run.ended
    expect(code).toBe(130)
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^INCOMPLETE: the run was cut short/)
    expect(verdictsOf(sandbox.latest())).toMatchObject({
      verdict: 'INCOMPLETE',
      ended: 'interrupted',
      exit_code: 130,
      counts: { pass: 0 },
    })
    await sandbox.expectNothingLeft()
  })

  test('kill -9 of the launcher and of the harness itself', async () => {
    for (const victim of ['launcher', 'harness'] as const) {
      const run = sandbox.start(['run', 'L1', '--profile', 'smoke'])
      await underLoad(run)
      process.kill(victim === 'launcher' ? run.child.pid! : childOf(run.child.pid!), 'SIGKILL')
      await run.ended
      await sandbox.expectNothingLeft()
    }
    // The harness that was killed wrote no verdict: what it left says that it was cut short.
    const cut = readdirSync(join(sandbox.folder, 'runs'))
      .filter((name) => name.endsWith('.json') === false && name !== 'latest')
      .sort()
      .at(-1)!
    expect(existsSync(join(sandbox.folder, 'runs', cut, 'verdicts.json'))).toBe(false)
    const { code, stdout } = await readiness(['judge', cut])
    expect(code).toBe(130)
    expect(stdout).toMatch(/INCOMPLETE: the run was cut short/)
  })

  test('a stack that is killed while it starts leaves nothing either', async () => {
    const run = sandbox.start(['run', 'L1', '--profile', 'smoke'])
    await waitFor('a process of the stack', () => sandbox.foldersLeft().length > 0)
    process.kill(childOf(run.child.pid!), 'SIGKILL')
    await run.ended
    await sandbox.expectNothingLeft()
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
      readiness(['run', 'L1', '--profile', 'smoke', '--runs-dir', join(sandbox.folder, 'runs-a'), ...PATIENT]),
      readiness(['run', 'L1', '--profile', 'smoke', '--runs-dir', join(sandbox.folder, 'runs-b'), ...PATIENT]),
    ])
    expect(runs.map(({ stdout }) => stdout.trimEnd().split('\n').at(-1))).toEqual([
      expect.stringMatching(/^PASS/),
      expect.stringMatching(/^PASS/),
    ])
    await sandbox.expectNothingLeft()
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
    CONMAN_CONSENT_HOST: new URL(up.baseUrl).host,
    CONMAN_ADMIN_EMAIL: up.adminEmail,
    CONMAN_ADMIN_PASSWORD: up.adminPassword,
  })

  test('up prints addresses and credentials for a program', async () => {
    const { code, stdout } = await readiness(['up', '--json'])
    expect(code).toBe(0)
    up = JSON.parse(stdout) as Up
    expect((await fetch(`${up.baseUrl}/api/health`)).status).toBe(200)
  })

  test('L1 by the API alone: it passes, says through what, and a second run has people of its own', async () => {
    for (const _ of ['first', 'second']) {
      const { code, stdout } = await readiness(['run', 'L1', '--allow-writes', '--json', ...PATIENT], aimed())
      const verdicts = JSON.parse(stdout) as Verdicts
      expect(verdicts.checks[0]).toMatchObject({ id: 'L1', outcome: 'pass', verified_by: ['http'] })
      expect(verdicts.target).toMatchObject({ kind: 'url', address: up.baseUrl, settings: {} })
      expect(verdicts.overridden_limits).toEqual(['L1.latency_ms_max: 60000 ms instead of 2000 ms'])
      expect(code).toBe(0)
    }
  })

  test('with the database and the repositories handed over, git and the audit rows are asked too', async () => {
    const { stdout } = await readiness(['run', 'L1', '--allow-writes', '--json', ...PATIENT], {
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

  test('L1 shared by two processes elsewhere: what the folder for Kubernetes says, done here by hand', async () => {
    const out = join(sandbox.folder, 'k8s')
    const args = ['k8s', 'L1', '--profile', 'smoke', '--parallelism', '2', '--out', out, '--allow-writes', '--json']
    const run = sandbox.start([...args, ...PATIENT], aimed())
    // Fifty people have joined over HTTP by then, each with a password to be hashed.
    await waitFor('the folder', () => globSync(join(out, '*/README.md')).length > 0, 150_000)
    await playPods(globSync(join(out, '*'))[0]!)
    const { code, stdout } = await run.ended
    const verdicts = JSON.parse(stdout) as Verdicts
    expect(verdicts.checks[0]).toMatchObject({ id: 'L1', outcome: 'pass', n: 250, verified_by: ['http'] })
    expect(code).toBe(0)
  })

  test('two runs on one target are refused, before either disturbs the other', async () => {
    const first = sandbox.start(['run', 'L1', '--allow-writes', ...PATIENT], aimed())
    await waitFor('the first run to begin', () => first.stderr().includes('users write'))
    const second = await readiness(['run', 'L1', '--allow-writes'], aimed())
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
    await sandbox.expectNothingLeft()
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
