// What is done to a Conman that is aimed at by its URL: nothing but reading without consent, a load within its bounds, its
// rate limits obeyed, its redirects not followed. A proxy before a real stack sees each request, and spoils some.

import { readFileSync } from 'node:fs'
import { createServer, request as httpRequest, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Verdicts } from '../harness/result.ts'
import { type Stack, startStack } from '../harness/stack/stack.ts'
import { UNTHROTTLED } from '../harness/target/own-stack.ts'
import type { EditEvidence } from '../scenarios/L1/evidence.ts'
import { type Asked, AwkwardProxy, type Behaviour } from './awkward/proxy.ts'
import { certificatesIn } from './certificates.ts'
import { Sandbox } from './sandbox.ts'

const sandbox = new Sandbox()
let stack: Stack
let proxy: AwkwardProxy

beforeAll(async () => {
  stack = await startStack({ env: UNTHROTTLED })
  proxy = await AwkwardProxy.start(stack.baseUrl)
})
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]()
  await stack?.[Symbol.asyncDispose]()
  sandbox[Symbol.dispose]()
})

const aim = () => ({
  CONMAN_BASE_URL: proxy.url,
  CONMAN_ADMIN_EMAIL: stack.adminEmail,
  CONMAN_ADMIN_PASSWORD: stack.adminPassword,
})
const consented = () => ({ ...aim(), CONMAN_CONSENT_HOST: new URL(proxy.url).host })

const RUN = ['run', 'L1', '--profile', 'smoke', '--json']
/** This machine is shared with other tests: only the limits of time are not what they judge. */
const PATIENT = ['--allow-writes', '--limit', 'L1.latency_ms_max=60000']

interface Judged {
  code: number | null
  verdicts: Verdicts
  evidence(): EditEvidence
}

async function judged(args: string[], env: Record<string, string>): Promise<Judged> {
  const { code, stdout, stderr } = await sandbox.readiness(args, env)
  expect(stderr).not.toMatch(/\n {4}at /)
  const verdicts = JSON.parse(stdout) as Verdicts
  const folder = sandbox.latest()
  return {
    code,
    verdicts,
    evidence: () =>
      JSON.parse(readFileSync(join(folder, verdicts.checks[0]!.id, 'evidence.json'), 'utf8')) as EditEvidence,
  }
}

/** Of the load itself: its warm-up is no part of it. */
const isEdit = ({ method, path, body }: Asked) =>
  method === 'PUT' && path.endsWith('/files') && !body.includes('warm-up')

describe('without consent', () => {
  test.each([
    ['none', () => aim(), [], /give --allow-writes .*, and type its host in CONMAN_CONSENT_HOST/],
    [
      'the flag alone',
      () => aim(),
      ['--allow-writes'],
      /type its host in CONMAN_CONSENT_HOST .*: a flag alone is half/,
    ],
    ['the host alone', () => consented(), [], /give --allow-writes .*: the host alone is half of a consent/],
  ] as const)('%s: nothing is verified, and nothing was sent but reads and logins', async (_, env, flags, remedy) => {
    proxy.aim()
    const { code, verdicts } = await judged([...RUN, ...flags], env())
    expect(code).toBe(2)
    expect(verdicts).toMatchObject({ verdict: 'INCOMPLETE', checks: [{ id: 'L1', outcome: 'not-verified' }, {}] })
    expect(verdicts.checks[0]!.because).toMatch(/writes to the target, and there is no consent to that/)
    expect(verdicts.checks[0]!.remedy).toMatch(remedy)
    const sent = proxy.asked.filter(({ method }) => method !== 'GET')
    expect(sent.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /api/auth/login'])
  })

  test('to another host: refused before anything is sent', async () => {
    proxy.aim()
    const ended = await sandbox.readiness([...RUN, '--allow-writes'], { ...aim(), CONMAN_CONSENT_HOST: 'conman.test' })
    expect(ended).toMatchObject({ code: 3, stdout: '' })
    expect(ended.stderr).toMatch(/names ‘conman\.test’, but the target is ‘127\.0\.0\.1:\d+’\n {2}→ nothing was sent/)
    expect(proxy.asked).toEqual([])
  })
})

describe('a load', () => {
  test('beyond the bounds of the target is not made smaller: it is not made', async () => {
    const { code, verdicts } = await judged([...RUN, '--allow-writes'], { ...consented(), CONMAN_LOAD_USERS_MAX: '10' })
    expect(code).toBe(2)
    expect(verdicts.checks[0]).toMatchObject({
      outcome: 'not-verified',
      because: 'its load of 50 users at once is above the bound of 10 for this target',
      remedy: expect.stringContaining('CONMAN_LOAD_USERS_MAX'),
    })
  })

  test('obeys a rate limit, loses no edit by it, and does not pass it for the load that was asked for', async () => {
    let refused = 0
    const limit: Behaviour = async ({ asked, response, forward }) => {
      if (isEdit(asked) && refused < 7) {
        refused += 1
        response.writeHead(429, { 'retry-after': '1', 'content-type': 'application/json' })
        response.end(JSON.stringify({ error: { code: 'rate_limited', message: 'Too many requests', request_id: 'r' } }))
        return
      }
      const { status, headers, body } = await forward()
      response.writeHead(status, headers)
      response.end(body)
    }
    proxy.aim({ does: limit })
    const { code, verdicts, evidence } = await judged([...RUN, ...PATIENT], consented())
    expect(evidence()).toMatchObject({ throttled: 7, stopped_at_5xx_share: null })
    expect(verdicts.checks[0]).toMatchObject({
      outcome: 'not-verified',
      because: expect.stringMatching(/^7 answers were 429: /),
    })
    expect(verdicts.checks[0]!.findings.filter(({ outcome }) => outcome === 'fail')).toEqual([])
    expect(evidence().edits.filter(({ commit }) => commit !== null)).toHaveLength(250)
    expect(code).toBe(2)
  })

  test('ends by itself when the target is failing under it', async () => {
    proxy.aim({
      when: isEdit,
      async does({ response, gone }) {
        await delay(200, undefined, { signal: gone }).catch(() => {})
        response.writeHead(500, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ error: { code: 'internal', message: 'internal: no', request_id: 'r' } }))
      },
    })
    const { verdicts, evidence } = await judged(
      ['run', 'L1.sample', '--profile', 'golive', '--json', '--allow-writes'],
      consented(),
    )
    const { edits, generator, stopped_at_5xx_share } = evidence()
    expect(stopped_at_5xx_share).toBe(0.1)
    // Two minutes of 50 users with a pause of a second would be some five thousand.
    expect(edits.length).toBeLessThan(2_500)
    expect(Date.parse(generator.finished_at) - Date.parse(generator.started_at)).toBeLessThan(60_000)
    expect(verdicts.checks[0]).toMatchObject({ id: 'L1.sample', outcome: 'fail' })
    expect(verdicts.checks[0]!.findings[0]!.because).toMatch(
      /it ended itself once 10 % of the answers were 5xx or none/,
    )
  })

  test('trusts the authorities that the harness trusts, a private one among them', async () => {
    proxy.aim()
    const { key, cert, ca } = certificatesIn(sandbox.folder)
    const secure = createTlsServer({ key, cert }, (incoming, outgoing) => {
      const { method, headers, url } = incoming
      const onward = httpRequest(`${proxy.url}${url}`, { method: method!, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(outgoing)
      })
      incoming.pipe(onward)
    }).listen(0, '127.0.0.1')
    await expect.poll(() => secure.address()).not.toBeNull()
    const host = `127.0.0.1:${(secure.address() as AddressInfo).port}`
    const { code, verdicts } = await judged([...RUN, ...PATIENT], {
      ...aim(),
      CONMAN_BASE_URL: `https://${host}`,
      CONMAN_CA_FILE: ca,
      CONMAN_CONSENT_HOST: host,
    })
    expect(verdicts.checks[0]).toMatchObject({ id: 'L1', outcome: 'pass', n: 250 })
    expect(code).toBe(0)
    secure.closeAllConnections()
    secure.close()
  })

  test('follows no redirect: credentials go nowhere else', async () => {
    const heard: (string | undefined)[] = []
    const elsewhere: Server = createServer((request, response) => {
      heard.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`)
      response.end('{}')
    }).listen(0, '127.0.0.1')
    await expect.poll(() => elsewhere.address()).not.toBeNull()
    const { port } = elsewhere.address() as AddressInfo
    proxy.aim({
      when: isEdit,
      does({ asked, response }) {
        response.writeHead(307, { location: `http://127.0.0.1:${port}${asked.path}` })
        response.end()
      },
    })
    const { code, verdicts } = await judged([...RUN, ...PATIENT], consented())
    expect(verdicts.checks[0]!.because).toContain('HTTP 307')
    expect(code).toBe(1)
    expect(heard).toEqual([])
    elsewhere.close()
  })
})
