/** Calls against a scripted backend: the rules GR1–GR7 on retries, and the deadlines of an attempt and of a request. */
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createMetrics } from '../metrics/metrics.ts'
import { type Caller, createCaller, GitError, GitTimeout, type Method } from './call.ts'

const json = (value: object) => Buffer.from(JSON.stringify(value))
const parse = (bytes: Buffer) => JSON.parse(bytes.toString())
const method: Method = {
  path: '/test.Service/Ask',
  requestStream: false,
  responseStream: false,
  requestSerialize: json,
  requestDeserialize: parse,
  responseSerialize: json,
  responseDeserialize: parse,
}

type Step = number | 'silence'

describe('a call to the git backend', () => {
  let server: Server
  let client: Client
  let caller: Caller
  let address: string
  let script: Step[]
  let arrivals: number[]
  let timeouts: string[]
  let cancelled: number

  function answer(call: ServerUnaryCall<object, object>, reply: sendUnaryData<object>): void {
    arrivals.push(performance.now())
    timeouts.push(String(call.metadata.get('grpc-timeout')[0] ?? call.getDeadline()))
    call.on('cancelled', () => {
      cancelled += 1
    })
    const step = script.shift() ?? status.OK
    if (step === 'silence') return
    if (step === status.OK) reply(null, { ok: true })
    else reply({ code: step, details: 'scripted', metadata: new Metadata() })
  }

  async function listen(at: string): Promise<string> {
    server = new Server()
    server.addService({ Ask: method }, { Ask: answer })
    const port = await new Promise<number>((resolve, reject) => {
      const credential = ServerCredentials.createInsecure()
      server.bindAsync(at, credential, (error, bound) => (error === null ? resolve(bound) : reject(error)))
    })
    return `127.0.0.1:${port}`
  }

  beforeEach(async () => {
    script = []
    arrivals = []
    timeouts = []
    cancelled = 0
    address = await listen('127.0.0.1:0')
    client = new Client(address, credentials.createInsecure(), {
      'grpc.enable_retries': 0,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 100,
    })
    caller = createCaller(client, createMetrics(), pino({ level: 'silent' }))
  })

  afterEach(() => {
    client.close()
    server.forceShutdown()
  })

  const ask = (attemptMs = 5_000, leftMs = 10_000) =>
    caller.call(method, [{}], { attemptMs, untilMs: performance.now() + leftMs })
  const waits = () => arrivals.slice(1).map((at, index) => at - (arrivals[index] ?? 0))

  test('GR1: succeeds on the third attempt after UNAVAILABLE twice', async () => {
    script = [status.UNAVAILABLE, status.UNAVAILABLE]
    expect(await ask()).toEqual([{ ok: true }])
    expect(arrivals).toHaveLength(3)
  })

  test('GR2: succeeds on the second attempt after DEADLINE_EXCEEDED', async () => {
    script = [status.DEADLINE_EXCEEDED]
    expect(await ask()).toEqual([{ ok: true }])
    expect(arrivals).toHaveLength(2)
  })

  test.each([status.NOT_FOUND, status.INVALID_ARGUMENT])('GR3, GR4: fails at once on status %i', async (code) => {
    script = [code]
    await expect(ask()).rejects.toMatchObject({ name: 'GitError', code })
    expect(arrivals).toHaveLength(1)
  })

  test('GR5, GR6: gives up after three retries, about 100, 200 and 400 ms apart', async () => {
    script = Array.from({ length: 4 }, () => status.UNAVAILABLE)
    await expect(ask()).rejects.toBeInstanceOf(GitError)
    const measured = waits()
    expect(measured).toHaveLength(3)
    for (const [index, nominal] of [100, 200, 400].entries()) {
      expect(measured[index]).toBeGreaterThan(nominal * 0.75)
      expect(measured[index]).toBeLessThan(nominal * 1.5 + 50)
    }
  })

  test('GR7: works again once a stopped backend is back', async () => {
    await ask()
    server.forceShutdown()
    await expect(ask()).rejects.toMatchObject({ code: status.UNAVAILABLE })
    await listen(address)
    await expect
      .poll(() =>
        ask().then(
          () => 'answered',
          () => 'failed',
        ),
      )
      .toBe('answered')
  })

  test('a connection lost in the middle is retried', async () => {
    script = ['silence']
    const asked = ask()
    await expect.poll(() => arrivals.length).toBe(1)
    server.forceShutdown()
    await listen(address)
    expect(await asked).toEqual([{ ok: true }])
    expect(arrivals).toHaveLength(2)
  })

  test('an attempt has its own deadline, and the backend is told', async () => {
    script = ['silence']
    expect(await ask(300)).toEqual([{ ok: true }])
    expect(arrivals).toHaveLength(2)
    expect(waits()[0]).toBeGreaterThan(300)
    expect(timeouts[0]).not.toBe('Infinity')
  })

  test("the request's time bounds all attempts, and the backend hears of the end", async () => {
    script = ['silence', 'silence', 'silence']
    const startedMs = performance.now()
    await expect(ask(300, 600)).rejects.toBeInstanceOf(GitTimeout)
    expect(performance.now() - startedMs).toBeLessThan(700)
    await expect.poll(() => cancelled).toBeGreaterThanOrEqual(1)
  })
})
