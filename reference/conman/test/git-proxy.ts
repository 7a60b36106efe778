/**
 * Stands between a server under test and the real git backend, and spoils calls as a script says: a status in place of the
 * answer, silence, a delay, or an answer that is lost after the backend has done what was asked.
 *
 * Messages pass as bytes: the proxy knows the methods' names and nothing of what they carry.
 */
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { loadMethods } from '../git/protocol.ts'

/** What becomes of one call; calls beyond the script pass. */
export type Step =
  | 'pass'
  /** Never answered. */
  | 'silence'
  /** Done by the backend, and then answered with UNAVAILABLE. */
  | 'lose the answer'
  | { code: number; message?: string }
  | { delayMs: number }

export interface SeenCall {
  method: string
  /** When it came, on the clock of `performance.now()`. */
  atMs: number
  /** What the caller allows it, from `grpc-timeout`. */
  timeoutMs: number
  canceled: boolean
}

export interface GitProxy extends AsyncDisposable {
  readonly address: string
  readonly calls: SeenCall[]
  /** The next calls of a method (`UserCommitFiles`), one step each. */
  script(method: string, ...steps: Step[]): void
  /** Forgets scripts and calls. */
  reset(): void
  /** Closes the port and every connection, as a backend that is gone. */
  stop(): void
  /** Listens again at the same address. */
  start(): Promise<void>
}

type Stream = ServerDuplexStream<Buffer, Buffer>

export async function startGitProxy(upstream: string): Promise<GitProxy> {
  const client = new Client(upstream.replace(/^http:\/\//, ''), credentials.createInsecure())
  const scripts = new Map<string, Step[]>()
  const calls: SeenCall[] = []
  let server: Server
  let port = 0

  function handle(method: string, path: string, call: Stream): void {
    const deadline = call.getDeadline()
    const timeoutMs = deadline instanceof Date ? deadline.getTime() - Date.now() : Number(deadline) - Date.now()
    const seen = { method, atMs: performance.now(), timeoutMs, canceled: false }
    calls.push(seen)
    call.on('cancelled', () => {
      seen.canceled = true
    })
    const step = scripts.get(method)?.shift() ?? 'pass'
    if (typeof step === 'object' && 'code' in step) fail(call, step.code, step.message ?? 'scripted')
    else if (typeof step === 'object') setTimeout(() => forward(call, path, false), step.delayMs)
    else if (step !== 'silence') forward(call, path, step === 'lose the answer')
  }

  function forward(call: Stream, path: string, lose: boolean): void {
    const bytes = (value: Buffer) => value
    const onward = client.makeBidiStreamRequest(path, bytes, bytes, new Metadata(), { deadline: call.getDeadline() })
    call.on('data', (message: Buffer) => onward.write(message))
    call.on('end', () => onward.end())
    call.on('cancelled', () => onward.cancel())
    onward.on('data', (message: Buffer) => {
      if (!lose) call.write(message)
    })
    onward.on('error', (error: ServiceError) => {
      if (lose) fail(call, status.UNAVAILABLE, 'the answer was lost')
      else call.emit('error', error)
    })
    onward.on('end', () => {
      if (lose) fail(call, status.UNAVAILABLE, 'the answer was lost')
      else call.end()
    })
  }

  async function listen(at: string): Promise<void> {
    server = new Server({ 'grpc.max_receive_message_length': -1 })
    const identity = (value: Buffer) => value
    // Every method as a stream in both directions: on the wire the kinds do not differ.
    for (const [method, { path }] of [...loadMethods(), ['Check', { path: '/grpc.health.v1.Health/Check' }] as const]) {
      const definition = {
        path,
        requestStream: true,
        responseStream: true,
        requestSerialize: identity,
        requestDeserialize: identity,
        responseSerialize: identity,
        responseDeserialize: identity,
      } as const
      server.addService({ [path]: definition }, { [path]: (call: Stream) => handle(method, path, call) })
    }
    port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(at, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      )
    })
  }

  await listen('127.0.0.1:0')
  return {
    address: `http://127.0.0.1:${port}`,
    calls,
    script: (method, ...steps) => void scripts.set(method, steps),
    reset() {
      scripts.clear()
      calls.length = 0
    },
    stop: () => server.forceShutdown(),
    start: () => listen(`127.0.0.1:${port}`),
    async [Symbol.asyncDispose]() {
      server.forceShutdown()
      client.close()
    },
  }
}

function fail(call: Stream, code: number, details: string): void {
  call.emit('error', Object.assign(new Error(details), { code, details, metadata: new Metadata() }))
}
