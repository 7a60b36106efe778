// A back door for tests of whoever calls the backend: calls are answered as a script says, and each that came is told with its
// time and with what its caller allowed it. Open only where it was asked for.

import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { status as Code } from '@grpc/grpc-js'
import { StatusError } from './status.ts'

/** What becomes of one call. */
export type Step =
  | 'pass'
  /** Never answered; it ends when its caller gives up. */
  | 'silence'
  /** Refused at once with the status, by its name: `UNAVAILABLE`. */
  | { code: string }
  | { delay_ms: number }
  /** Done, and cut off with UNAVAILABLE after so many messages of its answer: with 0 the answer is lost. */
  | { drop_after: number }

export interface Script {
  /** One for each of the next calls. */
  steps: Step[]
  /** For all calls after them. */
  after: Step
}

export interface SeenCall {
  /** From 1 on, in the order in which they came. */
  number: number
  /** `GetTreeEntries` */
  method: string
  /** Milliseconds since 1970, with fractions. */
  at_ms: number
  /** What the caller still allowed it when it came (`grpc-timeout`); null: no end was given. */
  timeout_ms: number | null
  step: Step
  ended_at_ms: number | null
  /** The status that it ended with: `OK`, `CANCELLED` when its caller gave up. */
  code: string | null
}

/** Those that a storm of a quarter of an hour makes. Older ones are forgotten first. */
const CALLS_MAX = 200_000
const BODY_BYTES_MAX = 64 * 1024

export class CallControl {
  #scripts = new Map<string, Script>()
  #calls: SeenCall[] = []
  #number = 0

  /** By the method's name; `*` for all that have none of their own, but for health's. */
  setScripts(scripts: Record<string, Script>): void {
    this.#scripts = new Map(Object.entries(scripts).map(([method, script]) => [method, { ...script }]))
  }

  callsAfter(number: number): SeenCall[] {
    return this.#calls.filter((call) => call.number > number)
  }

  /** A call has come: `/gitaly.CommitService/GetTreeEntries`. */
  begin(path: string, deadline: Date | number): SeenCall {
    const method = path.slice(path.lastIndexOf('/') + 1)
    const at_ms = now()
    const until_ms = Number(deadline)
    const call: SeenCall = {
      number: ++this.#number,
      method,
      at_ms,
      timeout_ms: Number.isFinite(until_ms) ? until_ms - at_ms : null,
      step: this.#stepFor(method),
      ended_at_ms: null,
      code: null,
    }
    this.#calls.push(call)
    if (this.#calls.length > CALLS_MAX) this.#calls.splice(0, CALLS_MAX / 10)
    return call
  }

  end(call: SeenCall, code: Code): void {
    call.ended_at_ms = now()
    call.code = Code[code] ?? String(code)
  }

  #stepFor(method: string): Step {
    const script = this.#scripts.get(method) ?? (method === 'Check' ? undefined : this.#scripts.get('*'))
    return script === undefined ? 'pass' : (script.steps.shift() ?? script.after)
  }
}

/** Before the call is done: refused, late, or not done at all. */
export async function holdBack({ step }: SeenCall, signal: AbortSignal): Promise<void> {
  if (step === 'silence') await aborted(signal)
  if (typeof step !== 'object') return
  if ('code' in step) throw new StatusError(codeOf(step.code), 'scripted')
  if ('delay_ms' in step) await sleep(step.delay_ms, undefined, { signal })
}

/** How many messages of the answer may pass; undefined: all. */
export function messagesMax({ step }: SeenCall): number | undefined {
  return typeof step === 'object' && 'drop_after' in step ? step.drop_after : undefined
}

/** What a dropped answer ends with. */
export function dropped(): StatusError {
  return new StatusError(Code.UNAVAILABLE, 'dropped')
}

export interface ControlServer {
  /** `host:port` as bound. */
  address: string
  close(): Promise<void>
}

/** `PUT /scripts`, `GET /calls?after=<number>`. */
export async function serveControl(listen: string, control: CallControl): Promise<ControlServer> {
  const server = createServer(async (request, response) => {
    const answer = await answerTo(request, control).catch((error: unknown) => ({
      status: 400,
      body: { error: String(error) },
    }))
    response
      .writeHead(answer.status, { 'content-type': 'application/json', connection: 'close' })
      .end(JSON.stringify(answer.body))
  })
  const host = listen.slice(0, listen.lastIndexOf(':'))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(Number(listen.slice(host.length + 1)), host, resolve)
  })
  return {
    address: `${host}:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

async function answerTo(request: IncomingMessage, control: CallControl): Promise<{ status: number; body: unknown }> {
  const url = new URL(request.url ?? '/', 'http://control')
  const route = `${request.method} ${url.pathname}`
  if (route === 'GET /calls') {
    return { status: 200, body: { calls: control.callsAfter(Number(url.searchParams.get('after') ?? 0)) } }
  }
  if (route === 'PUT /scripts') {
    control.setScripts(scriptsIn(JSON.parse(await textOf(request))))
    return { status: 200, body: {} }
  }
  return { status: 404, body: { error: 'PUT /scripts, GET /calls?after=0' } }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) {
    text += chunk
    if (text.length > BODY_BYTES_MAX) throw new Error('the body is too large')
  }
  return text
}

function scriptsIn(body: unknown): Record<string, Script> {
  const entries = Object.entries(body as Record<string, Partial<Script>>)
  return Object.fromEntries(
    entries.map(([method, { steps = [], after = 'pass' }]) => {
      for (const step of [...steps, after]) if (!isStep(step)) throw new Error(`no step: ${JSON.stringify(step)}`)
      return [method, { steps, after }]
    }),
  )
}

function isStep(step: unknown): step is Step {
  if (step === 'pass' || step === 'silence') return true
  if (typeof step !== 'object' || step === null) return false
  if ('code' in step) return typeof step.code === 'string' && step.code in Code
  const number = 'delay_ms' in step ? step.delay_ms : 'drop_after' in step ? step.drop_after : undefined
  return typeof number === 'number' && number >= 0
}

function codeOf(name: string): Code {
  return Code[name as keyof typeof Code]
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function now(): number {
  return performance.timeOrigin + performance.now()
}
