// The door of a URL, against a real Conman on a real stack: with everything handed over, with one thing that is wrong at a
// time, behind a certificate of a private authority, and its log from a file and a command.

import { appendFileSync, chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificatesIn } from '../../test/certificates.ts'
import { ALL_CAPABILITIES } from '../capabilities.ts'
import { aim } from '../config/aim.ts'
import { UsageError } from '../errors.ts'
import { Redactor } from '../evidence/redact.ts'
import { PROFILES } from '../profiles.ts'
import { silent } from '../progress.ts'
import { type Stack, startStack } from '../stack/stack.ts'
import { openTarget } from './open.ts'
import { UNTHROTTLED } from './own-stack.ts'
import type { Target } from './target.ts'

let owned: AsyncDisposableStack
let stack: Stack
let folder: string
let prometheus: string
beforeAll(async () => {
  owned = new AsyncDisposableStack()
  folder = mkdtempSync(join(tmpdir(), 'conman-readiness-test-'))
  owned.defer(() => rmSync(folder, { recursive: true, force: true }))
  stack = owned.use(await startStack({ env: UNTHROTTLED }))
  writeFileSync(join(folder, 'mongo'), stack.mongoUri)
  writeFileSync(join(folder, 'jwt'), stack.jwtSecret)
  writeFileSync(join(folder, 'other-jwt'), 'a secret of 32 bytes, of another Conman')
  writeFileSync(join(folder, 'conman.log'), 'before the run\n')
  writeFileSync(join(folder, 'outbox'), '')
  writeFileSync(join(folder, 'hook'), '#!/bin/sh\ntouch "$0.ran"\n')
  chmodSync(join(folder, 'hook'), 0o755)
  // What a Prometheus answers there; the program itself has no part in a stack.
  prometheus = await listening(
    createServer((request, response) => {
      if (request.url === '/prom/api/v1/status/buildinfo')
        response.end('{"status":"success","data":{"version":"3.5.0"}}')
      else response.writeHead(404).end()
    }),
  )
})
afterAll(() => owned?.disposeAsync())

async function listening(server: Server): Promise<string> {
  owned.defer(() => {
    server.close()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const least = () => ({
  PATH: process.env.PATH,
  CONMAN_BASE_URL: stack.baseUrl,
  CONMAN_ADMIN_EMAIL: stack.adminEmail,
  CONMAN_ADMIN_PASSWORD: stack.adminPassword,
})
const everything = () => ({
  ...least(),
  CONMAN_REPOS: 'one.git',
  CONMAN_MONGO_URI_FILE: 'mongo',
  CONMAN_MONGO_DB: stack.databaseName,
  CONMAN_GIT_STORAGE: stack.gitStorage,
  CONMAN_TOXIPROXY_URL: stack.addresses.toxiproxyUrl,
  CONMAN_PROMETHEUS_URL: `${prometheus}/prom/`,
  CONMAN_LOG_FILE: 'conman.log',
  CONMAN_OUTBOX_FILE: 'outbox',
  CONMAN_SOURCE: '.',
  CONMAN_JWT_SECRET_FILE: 'jwt',
  ...Object.fromEntries(
    [
      'WORKER_KILL',
      'WORKER_START',
      'API_KILL',
      'API_START',
      'GIT_STOP',
      'GIT_START',
      'MONGO_STEPDOWN',
      'MONGO_STOP',
      'MONGO_START',
    ].map((hook) => [`CONMAN_HOOK_${hook}`, `./hook ${hook}`]),
  ),
})

async function open(env: NodeJS.ProcessEnv, said: string[] = []): Promise<Target> {
  const { options } = await aim({ target: undefined, config: undefined }, env, folder)
  const progress = { ...silent, say: (line: string) => said.push(line) }
  return await openTarget(options, { profile: PROFILES.smoke, progress, signal: new AbortController().signal })
}

describe('what can be reached', () => {
  test('with the least that opens it', async () => {
    await using target = await open(least())
    expect([...target.capabilities].sort()).toEqual(['http', 'repositories'])
    expect(target).toMatchObject({ kind: 'url', processes: null, allowed: 'reads', handedOver: {} })
    expect(target.hooks).toBeUndefined()
    expect(await target.fingerprint()).toMatchObject({ mongodb: null, version: expect.any(String) })
    expect(await target.repositoryFor('x')).toBe('x.git')
  })

  test('with everything handed over: all but what only a start-up could give', async () => {
    await using target = await open(everything())
    const ofOurStacks = ['configuration', 'effects', 'processes']
    expect([...target.capabilities].sort()).toEqual(ALL_CAPABILITIES.filter((one) => !ofOurStacks.includes(one)).sort())
    expect(target.unreachable.size).toBe(0)
    expect(target.handedOver).toEqual({
      toxiproxy: {
        url: stack.addresses.toxiproxyUrl,
        proxies: { 'mongo-api': 'mongo-api', 'mongo-worker': 'mongo-worker', git: 'git' },
      },
      prometheusUrl: `${prometheus}/prom`,
      outboxFile: join(folder, 'outbox'),
      source: folder,
      jwtSecret: stack.jwtSecret,
    })
    expect((await target.fingerprint()).mongodb).toMatch(/^\d+\.\d+/)
    expect(await target.repositoryFor('x')).toBe('one.git')
    expect(() => readFileSync(join(folder, 'hook.ran'))).toThrow()
    const redactor = new Redactor()
    target.secretsInto(redactor)
    for (const secret of [stack.adminPassword, stack.jwtSecret])
      expect(redactor.text(`x ${secret} y`)).toBe('x [redacted] y')
  })

  test('one hook of two is not enough, and says which is missing', async () => {
    await using target = await open({ ...least(), CONMAN_HOOK_GIT_STOP: './hook' })
    expect(target.capabilities.has('git-control')).toBe(false)
    expect(target.unreachable.get('git-control')).toBe('the hook git-start is missing')
  })

  test('one proxy for both ways to MongoDB does not part the API from the worker', async () => {
    const env = { ...everything(), CONMAN_TOXIPROXY_MONGO_WORKER: 'mongo-api' }
    await using target = await open(env)
    expect(target.capabilities.has('network-control')).toBe(true)
    expect(target.unreachable.get('mongo-partition')).toMatch(/not one proxy each/)
  })
})

describe('what was handed over and cannot be used ends it in one line', () => {
  const cases: [string, () => Record<string, string>, RegExp][] = [
    [
      'a database that is not there',
      () => ({
        CONMAN_MONGO_URI_FILE: '',
        CONMAN_MONGO_URI: 'mongodb://a:hunter22@127.0.0.1:1/?serverSelectionTimeoutMS=500',
      }),
      /^CONMAN_MONGO_URI cannot be used: .*ECONNREFUSED/,
    ],
    [
      'another database',
      () => ({ CONMAN_MONGO_DB: 'other' }),
      /^CONMAN_MONGO_URI_FILE: the database ‘other’ holds no account admin@/,
    ],
    [
      'a Toxiproxy that is not there',
      () => ({ CONMAN_TOXIPROXY_URL: 'http://127.0.0.1:1' }),
      /^CONMAN_TOXIPROXY_URL cannot be reached: .*ECONNREFUSED/,
    ],
    [
      'a Toxiproxy that is a Conman',
      () => ({ CONMAN_TOXIPROXY_URL: stack.baseUrl }),
      /^CONMAN_TOXIPROXY_URL is not a Toxiproxy: GET \/proxies answers HTTP 404/,
    ],
    [
      'a proxy that does not exist',
      () => ({ CONMAN_TOXIPROXY_GIT: 'gitaly' }),
      /^CONMAN_TOXIPROXY_URL has no proxy ‘gitaly’/,
    ],
    [
      'a Prometheus that is a Toxiproxy',
      () => ({ CONMAN_PROMETHEUS_URL: stack.addresses.toxiproxyUrl }),
      /^CONMAN_PROMETHEUS_URL is not a Prometheus that is ready: .*HTTP 404/,
    ],
    [
      'a Prometheus that is not there',
      () => ({ CONMAN_PROMETHEUS_URL: 'http://127.0.0.1:1' }),
      /^CONMAN_PROMETHEUS_URL cannot be reached/,
    ],
    [
      'another token secret',
      () => ({ CONMAN_JWT_SECRET_FILE: 'other-jwt' }),
      /^CONMAN_JWT_SECRET_FILE does not hold the secret that signs the target’s tokens/,
    ],
    [
      'a log command that fails',
      () => ({ CONMAN_LOG_FILE: '', CONMAN_LOG_COMMAND: `sh -c 'echo "no pod hunter22" >&2; exit 4'` }),
      /^CONMAN_LOG_COMMAND: the command ended with exit code 4: no pod/,
    ],
    [
      'a log command that prints nothing',
      () => ({ CONMAN_LOG_FILE: '', CONMAN_LOG_COMMAND: 'true' }),
      /^CONMAN_LOG_COMMAND: the command printed nothing/,
    ],
  ]

  test.each(cases)('%s', async (_, wrong, message) => {
    const refused = open({ ...everything(), ...wrong() })
    await expect(refused).rejects.toThrow(UsageError)
    await expect(refused).rejects.toThrow(message)
  })

  test('a Toxiproxy without any of the proxies says which it has', async () => {
    const other = await listening(
      createServer((request, response) =>
        response.end(request.url === '/proxies' ? '{"db":{},"grpc":{}}' : '{"version":"2.12.0"}'),
      ),
    )
    const refused = open({ ...everything(), CONMAN_TOXIPROXY_URL: other })
    await expect(refused).rejects.toThrow(/has none of the proxies mongo-api, mongo-worker, git/)
    await expect(refused).rejects.toMatchObject({ remedy: expect.stringContaining('db, grpc') })
  })
})

describe('its log', () => {
  async function copied(target: Target): Promise<string> {
    const copies: string[] = []
    await target.copyLogs((from, name) => copies.push(name, readFileSync(from, 'utf8')))
    expect(copies[0]).toBe('target.log')
    return copies[1]!
  }

  test('of a file: what was written since the run began', async () => {
    const log = join(folder, 'growing.log')
    writeFileSync(log, 'before\n')
    await using target = await open({ ...least(), CONMAN_LOG_FILE: 'growing.log' })
    appendFileSync(log, 'during\n')
    expect(await copied(target)).toBe('during\n')
  })

  test('of a file that was replaced, or cut, or is gone', async () => {
    const log = join(folder, 'rotated.log')
    writeFileSync(log, 'before\n')
    await using target = await open({ ...least(), CONMAN_LOG_FILE: 'rotated.log' })
    renameSync(log, `${log}.1`)
    writeFileSync(log, 'a whole new file\n')
    expect(await copied(target)).toMatch(/^\[the file was replaced during the run.*\]\na whole new file\n$/)
    writeFileSync(log, 'cut\n')
    expect(await copied(target)).toMatch(/replaced.*\ncut\n$/)
    rmSync(log)
    expect(await copied(target)).toMatch(/^\[the file was gone/)
  })

  test('of a file that grew large: its end', async () => {
    const log = join(folder, 'large.log')
    writeFileSync(log, '')
    await using target = await open({ ...least(), CONMAN_LOG_FILE: 'large.log' })
    appendFileSync(log, `${'x'.repeat(99)}\n`.repeat(50_000))
    appendFileSync(log, 'the last line\n')
    const text = await copied(target)
    expect(text).toMatch(/^\[\d+ bytes before this are left out\]\nx/)
    expect(text).toMatch(/\nthe last line\n$/)
    expect(text.length).toBeLessThan(4 * 1024 * 1024)
  })

  test('of a command: from the time on when the run began', async () => {
    const before = Date.now()
    await using target = await open({ ...least(), CONMAN_LOG_COMMAND: 'echo --since={since}' })
    const since = Date.parse(/^--since=(.*)\n$/.exec(await copied(target))![1]!)
    expect(since).toBeGreaterThanOrEqual(before)
    expect(since).toBeLessThanOrEqual(Date.now())
  })
})

describe('a private authority', () => {
  test('is trusted when it is named, and nobody else', async () => {
    const { key, cert, ca } = certificatesIn(folder)
    const server = createTlsServer({ key, cert }, (incoming, outgoing) => {
      const { method, headers, url } = incoming
      const onward = httpRequest(`${stack.baseUrl}${url}`, { method: method!, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(outgoing)
      })
      incoming.pipe(onward)
    })
    const secure = (await listening(server)).replace('http:', 'https:')
    await using target = await open({ ...least(), CONMAN_BASE_URL: secure, CONMAN_CA_FILE: ca })
    expect((await target.fingerprint()).health).not.toEqual([])
    expect(target.caFile).toBe(ca)
    const refused = open({ ...least(), CONMAN_BASE_URL: secure })
    await expect(refused).rejects.toThrow(/cannot be reached: .*certificate/i)
    await expect(refused).rejects.toMatchObject({ remedy: expect.stringContaining('CONMAN_CA_FILE') })
  })
})
