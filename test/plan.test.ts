// `./readiness plan` as a person meets it, on each kind of target: what it says, how it ends, and that it touches nothing.

import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { demandSchema } from '../harness/evidence/store.ts'
import { type Forecast, ForecastSchema } from '../harness/forecast.ts'
import type { Plan } from '../harness/result.ts'
import { type Stack, startStack } from '../harness/stack/stack.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'conman-readiness-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** In a folder without a configuration file, with nothing aimed but what is given. */
function readiness(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CONMAN_')))
  const child = spawn(join(root, 'readiness'), args, {
    cwd: folder,
    env: { ...inherited, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended: Ended = { code: null, stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    ended.stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    ended.stderr += chunk
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ ...ended, code }))
  })
}

function forecastOf({ stdout }: Ended): Forecast {
  const forecast = JSON.parse(stdout) as Forecast
  demandSchema(ForecastSchema, forecast, 'the forecast')
  return forecast
}

const lastLine = ({ stdout }: Ended) => stdout.trimEnd().split('\n').at(-1)

describe('the bundled Conman', () => {
  // A stack could not be started there: whoever tried would end with an error.
  const file = join(folder, 'a-file')
  writeFileSync(file, '')
  const nowhere = { READINESS_TMP: join(file, 'below-it') }

  test('is not started: all is known beforehand', async () => {
    const ended = await readiness(['plan', 'L1', '--profile', 'smoke'], nowhere)
    expect(ended.stderr).toBe('')
    expect(lastLine(ended)).toMatch(/^every MUST would be verified: 2 checks will run, in about /)
    expect(ended.code).toBe(0)
    expect(ended.stdout).toContain('nothing was started to be looked at')
    expect(ended.stdout).toMatch(/start-up of the stack/)
    expect(ended.stdout).toMatch(/with the target to itself: L1/)
    expect((await readiness(['run', 'L1', '--runs-dir', join(folder, 'runs')], nowhere)).code).toBe(3)
  })

  test('as JSON: the whole catalogue of the profile when nothing is named, and why it cannot be GO', async () => {
    const ended = await readiness(['plan', '--json', '--profile', 'golive'], nowhere)
    const forecast = forecastOf(ended)
    expect(ended.code).toBe(forecast.exit_code)
    expect(forecast.checks.map((check) => check.id)).toEqual(expect.arrayContaining(['L1', 'L1.sample', 'L1.open']))
    expect(forecast.target).toMatchObject({ kind: 'reference', allowed: 'disrupts', fingerprint: null })
    expect(forecast.reach.find((each) => each.capability === 'prometheus')).toMatchObject({
      reached: false,
      hand_over: expect.stringContaining('CONMAN_PROMETHEUS_URL'),
    })
    expect(forecast.required_without_check).toContain('F7')
    expect(forecast.go.possible).toBe(false)
  })

  test('bad aim is bad aim here too: an unknown check, a program that is not where it is said to be', async () => {
    const unknown = await readiness(['plan', 'L99'])
    expect(unknown).toMatchObject({ code: 3, stdout: '' })
    expect(unknown.stderr).toMatch(/there is no check 'L99'/)
    const missing = await readiness(['plan', 'L1'], { READINESS_K6_PATH: '/no/such/k6' })
    expect(missing).toMatchObject({ code: 3, stdout: '' })
    expect(missing.stderr).toMatch(/READINESS_K6_PATH/)
  })
})

describe('a program', () => {
  test('is asked for its help and nothing else; without --role it is one process', async () => {
    const program = join(folder, 'conman')
    const asked = join(folder, 'asked')
    writeFileSync(program, `#!/bin/sh\necho "$@" >> '${asked}'\necho 'usage: conman serve | bootstrap-admin'\n`)
    chmodSync(program, 0o755)
    const ended = await readiness(['plan', 'L1', '--json'], { CONMAN_SERVER_CMD: program })
    expect(ended.stderr).toBe('')
    expect(ended.code).toBe(0)
    expect(forecastOf(ended).target).toMatchObject({ kind: 'command', processes: 'single', fingerprint: null })
    for (const line of readFileSync(asked, 'utf8').trim().split('\n')) expect(line).toMatch(/--help$/)
  })
})

describe('a URL', () => {
  let stack: Stack
  let base: string
  let asked: string[] = []
  /** Passes everything on to the stack's Conman, and notes it. */
  const recorder = createServer((incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url}`)
    const { hostname, port } = new URL(stack.baseUrl)
    const { method, headers, url: path } = incoming
    const passed = request({ hostname, port, method, headers, path }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  })

  beforeAll(async () => {
    stack = await startStack()
    await new Promise<void>((resolve) => recorder.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${(recorder.address() as AddressInfo).port}`
  })
  afterAll(async () => {
    recorder.closeAllConnections()
    recorder.close()
    await stack?.[Symbol.asyncDispose]()
  })

  const aim = (env: Record<string, string> = {}) => ({
    CONMAN_BASE_URL: base,
    CONMAN_ADMIN_EMAIL: stack.adminEmail,
    CONMAN_ADMIN_PASSWORD: stack.adminPassword,
    ...env,
  })

  function expectOnlyLooks(): void {
    expect(asked.filter((line) => !line.startsWith('GET '))).toEqual(['POST /api/auth/login'])
    expect(asked.filter((line) => line === 'GET /api/health').length).toBeLessThanOrEqual(6)
  }

  test('is looked at: its fingerprint and times, what is not within reach, what cannot run; nothing is written', async () => {
    asked = []
    const ended = await readiness(['plan', 'L1'], aim())
    expectOnlyLooks()
    expect(ended.code).toBe(2)
    expect(lastLine(ended)).toBe('not every MUST would be verified: 0 checks will run, 2 cannot')
    expect(ended.stdout).toMatch(/may only be read/)
    expect(ended.stdout).toMatch(/health .*median of 5.* · API description .* · login /)
    expect(ended.stdout).toMatch(/its clock: as here \(±/)
    expect(ended.stdout).toMatch(/mongodb healthy/)
    expect(ended.stdout).toMatch(/not database.*\n {4}→ hand over CONMAN_MONGO_URI/)
    expect(ended.stdout).toMatch(/→ give --allow-writes/)
    expect(ended.stdout + ended.stderr).not.toContain(stack.adminPassword)
  })

  test('with consent and what it needs: it would run, as long as its limits let it', async () => {
    asked = []
    const consent = { CONMAN_CONSENT_HOST: new URL(base).host, CONMAN_REPOS: 'made-beforehand.git' }
    const ended = await readiness(['plan', 'L1', '--allow-writes', '--json'], aim(consent))
    expectOnlyLooks()
    const forecast = forecastOf(ended)
    expect(forecast.checks.map((check) => check.outlook)).toEqual(['will-run', 'will-run'])
    expect(ended.code).toBe(0)
    expect(forecast.target.allowed).toBe('writes')
    expect(forecast.time.steps[0]?.what).toBe('seeding of 50 users')
    expect(forecast.time.seeding_limited_s).toBeGreaterThan(forecast.time.steps[0]?.expected_s ?? Infinity)
    expect(forecast.target.fingerprint?.times).toMatchObject({ health_ms: { n: 5 }, login_ms: expect.any(Number) })
  })

  test('a run says the same in short before it begins, and keeps it: plan, reach, times, what its client did', async () => {
    const runs = join(folder, 'url-runs')
    const ended = await readiness(['run', 'L1', '--runs-dir', runs], aim())
    expect(ended.code).toBe(2)
    expect(ended.stderr).toMatch(/plan: 0 checks will run, 2 cannot/)
    expect(ended.stderr).toMatch(/L1, L1\.audit: .* → .*--allow-writes/)
    expect(ended.stderr).toMatch(/not within reach: .*database/)
    expect(lastLine(ended)).toMatch(/^INCOMPLETE: /)
    expect(ended.stdout).toMatch(/\? not verified +L1 .*\n.*\n +→ .*--allow-writes/)
    const [id] = readdirSync(runs).filter((name) => name !== 'latest')
    const read = (name: string) => readFileSync(join(runs, id ?? '', name), 'utf8')
    const plan = JSON.parse(read('plan.json')) as Plan
    expect(plan.reach?.find((each) => each.capability === 'mongo')?.reached).toBe(false)
    expect(plan.target.times?.health_ms?.n).toBe(5)
    expect(JSON.parse(read('client.json'))).toMatchObject({ schema: 'readiness-client/1', retries: [] })
    const report = read('report.html')
    expect(report).toContain('Not within reach')
    expect(report).toContain('What the harness’s client had to retry')
    expect(report).toContain('Its clock')
    expect(read('report.md')).toContain('--allow-writes')
    expect((await readiness(['judge', id ?? '', '--runs-dir', runs])).code).toBe(2)
  })

  test('that is dead, and credentials that do not open it, end with one line and exit code 3', async () => {
    const dead = await readiness(['plan', 'L1'], aim({ CONMAN_BASE_URL: 'http://127.0.0.1:1' }))
    expect(dead).toMatchObject({ code: 3, stdout: '' })
    expect(dead.stderr).toMatch(/cannot be reached: .*\n {2}→ is the server up/)
    const locked = await readiness(['plan', 'L1'], aim({ CONMAN_ADMIN_PASSWORD: 'not the password' }))
    expect(locked).toMatchObject({ code: 3, stdout: '' })
    expect(locked.stderr).toMatch(/does not accept the credentials/)
  })
})
