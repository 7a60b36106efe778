// Beyond one machine a load is made by several k6 processes, each its execution segment. For every load script: two
// processes on complementary segments do what one process does, no data used twice, none left out. The scripts run in real
// k6; the server is only what writes down what they send.

import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundleScript, k6Environment } from '../harness/k6.ts'
import { resolveTool } from '../harness/toolchain/resolve.ts'
import type { ScriptFixture } from './lib/script-fixture.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const entries = globSync(join(here, '**/script.ts')).sort()
const fixtureOf = (entry: string) => join(dirname(entry), 'script.fixture.ts')
const nameOf = (entry: string) => relative(here, dirname(entry))

const SEGMENTS = ['0:1/2', '1/2:1']
const SEQUENCE = '0,1/2,1'

/** What a process's requests are told apart by: everything that a script chooses. */
interface Sent {
  token: string
  text: string
}

/** What was sent, by the first part of the path: one a process. */
const sent = new Map<string, Sent[]>()
const answers = new Map<string, unknown>()
let server: Server
let folder: string
let k6: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'conman-readiness-segments-'))
  k6 = (await resolveTool('k6', { install: true })).path
  server = createServer((request, response) => {
    const [, process = '', ...rest] = (request.url ?? '').split('/')
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      const one = { token: request.headers.authorization ?? '', text: `${request.method} /${rest.join('/')} ${body}` }
      sent.set(process, [...(sent.get(process) ?? []), one])
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ data: answers.get(process) ?? { id: '0'.repeat(24), commit_sha: 'a'.repeat(40) } }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
  rmSync(folder, { recursive: true, force: true })
})

/** One k6 process, to its end; what it sent. */
async function send(script: string, fixture: ScriptFixture, segment?: string): Promise<Sent[]> {
  const process = `${fixture.name}-${segment?.replaceAll(/\W/g, '_') ?? 'whole'}`
  const file = (name: string) => join(folder, `${process}.${name}`)
  answers.set(process, fixture.data)
  const { port } = server.address() as AddressInfo
  writeFileSync(file('settings.json'), JSON.stringify(fixture.settings(`http://127.0.0.1:${port}/${process}`)))
  const environment = {
    READINESS_SETTINGS: file('settings.json'),
    READINESS_SUMMARY: file('summary.json'),
    ...(segment === undefined ? {} : { READINESS_PART: 'true' }),
  }
  const flags = Object.entries(environment).flatMap(([name, value]) => ['-e', `${name}=${value}`])
  const segments =
    segment === undefined ? [] : ['--execution-segment', segment, '--execution-segment-sequence', SEQUENCE]
  const args = ['run', '--quiet', '--no-color', '--address', '', ...segments, ...flags, script]
  // Throws for missed thresholds too: a part must not fail for holding only a part of the whole.
  await promisify(execFile)(k6, args, { timeout: 60_000, env: k6Environment({}) })
  const { metrics } = JSON.parse(readFileSync(file('summary.json'), 'utf8')) as { metrics: Record<string, unknown> }
  expect(Object.keys(metrics)).toContain('http_reqs')
  return sent.get(process) ?? []
}

const textsOf = (all: readonly Sent[]) => all.map(({ token, text }) => `${token} ${text}`).sort()

/** What is in `more` and not in `less`, each as often as it is there more often. */
function beyond(more: readonly string[], less: readonly string[]): string[] {
  const left = [...less]
  return more.filter((one) => {
    const at = left.indexOf(one)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}

/** The first and the last tick of a rate fall on the edge of the time. */
const TICKS_ON_THE_EDGE = 2

function expectOneLoad({ load, each = 1 }: ScriptFixture, whole: readonly Sent[], parts: readonly Sent[][]): void {
  for (const part of parts) expect(part.length, 'every part has its share').toBeGreaterThan(0)
  const [one, together] = [textsOf(whole), textsOf(parts.flat())]
  if (load === 'planned') expect(together).toEqual(one)
  if (load === 'arriving') {
    const differences = [...beyond(one, together), ...beyond(together, one)]
    expect(differences.length, differences.join('\n')).toBeLessThanOrEqual(TICKS_ON_THE_EDGE * each)
  }
  if (load === 'paced') expect(new Set(together).size, 'none is sent twice').toBe(together.length)
  if (load === 'paced' || load === 'rounds') {
    // Who logs in has no token yet.
    const users = (all: readonly Sent[]) => new Set(all.flatMap(({ token }) => token || []))
    expect(users(parts.flat())).toEqual(users(whole))
    const served = parts.flatMap((part) => [...users(part)])
    expect(new Set(served).size, 'each user is one process’s').toBe(served.length)
  }
}

describe.concurrent('two k6 processes on complementary segments do one process’s work', async () => {
  for (const entry of entries.filter((one) => existsSync(fixtureOf(one)))) {
    const { scripts } = (await import(fixtureOf(entry))) as { scripts: ScriptFixture[] }
    test.each(scripts)('$name', async (fixture) => {
      const own = mkdtempSync(join(folder, 'bundle-'))
      const script = await bundleScript(entry, own)
      const [whole, ...parts] = await Promise.all([
        send(script, fixture),
        ...SEGMENTS.map((segment) => send(script, fixture, segment)),
      ])
      expectOneLoad(fixture, whole!, parts)
    })
  }
})

test('every load script has its settings for this test', () => {
  expect(entries.filter((one) => !existsSync(fixtureOf(one))).map(nameOf)).toEqual([])
})

test.each(entries.map((entry) => [nameOf(entry), entry] as const))(
  '%s chooses nothing by what only one process knows',
  async (_, entry) => {
    const { code } = await transform(readFileSync(entry, 'utf8'), { loader: 'ts' })
    expect(/\b(__VU|__ITER|idInInstance|iterationInInstance)\b/.exec(code)?.[0]).toBeUndefined()
  },
)
