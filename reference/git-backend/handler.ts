// What stands around every method: cancellation, errors turned into statuses, a log line for each failure.

import type { EventEmitter } from 'node:events'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import {
  status as Code,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { type CallControl, dropped, holdBack, messagesMax } from './control.ts'
import { GitProcessError } from './git/batch-process.ts'
import { GitCommandError } from './git/program.ts'
import type { Log } from './log.ts'
import { StatusError, toServiceError } from './status.ts'

export interface CallContext {
  /** `/gitaly.<Service>/<Method>` */
  method: string
  /** Aborted when the caller gives up or its deadline has passed. */
  signal: AbortSignal
  /**
   * To be waited for before something is done that others can see. It throws if the caller has given up: whoever was told
   * that a call failed must not see it done later.
   */
  confirm: () => Promise<void>
}

/**
 * A client of Node that cancels a stream of requests ends it first, as if it were complete, and resets it in the next packet.
 * Within one machine that is a fraction of a millisecond later.
 */
const RESET_MS = 2

/** A method as the services write it: a request or a stream of them in, a response or a generator of them out. */
export type Method =
  | { kind: 'unary'; handle: (request: never, context: CallContext) => Promise<object> }
  | { kind: 'server-stream'; handle: (request: never, context: CallContext) => AsyncIterable<object> }
  | { kind: 'client-stream'; handle: (requests: AsyncIterable<never>, context: CallContext) => Promise<object> }
  | { kind: 'bidirectional'; handle: (requests: AsyncIterable<never>, context: CallContext) => AsyncIterable<object> }

export type Methods = Record<string, Method>

export function unary<Request>(handle: (request: Request, context: CallContext) => Promise<object>): Method {
  return { kind: 'unary', handle }
}

export function serverStream<Request>(
  handle: (request: Request, context: CallContext) => AsyncIterable<object>,
): Method {
  return { kind: 'server-stream', handle }
}

export function clientStream<Request>(
  handle: (requests: AsyncIterable<Request>, context: CallContext) => Promise<object>,
): Method {
  return { kind: 'client-stream', handle }
}

export function bidirectional<Request>(
  handle: (requests: AsyncIterable<Request>, context: CallContext) => AsyncIterable<object>,
): Method {
  return { kind: 'bidirectional', handle }
}

/** The methods of a service as grpc-js takes them. What the protocol declares and `methods` lacks is UNIMPLEMENTED. */
export function implementation(
  definition: ServiceDefinition,
  methods: Methods,
  log: Log,
  control?: CallControl,
): UntypedServiceImplementation {
  const handlers: UntypedServiceImplementation = {}
  for (const [name, method] of Object.entries(methods)) {
    const path = definition[name]?.path
    if (path === undefined) throw new Error(`the protocol has no method ${name}`)
    handlers[name] = handler(path, method, { log, control })
  }
  return handlers
}

type ResponseStream = ServerWritableStream<object, object> | ServerDuplexStream<object, object>

async function afterReset(): Promise<void> {
  await sleep(RESET_MS)
  // A busy process wakes up late, and then hears of the time before it hears of what has arrived meanwhile.
  await nextTurn()
  await nextTurn()
}

interface Around {
  log: Log
  control: CallControl | undefined
}

/** Every call of every method passes here, and only here. `run` is told how many messages of its answer may pass. */
async function invoke<Result>(
  path: string,
  call: EventEmitter & { getDeadline(): Date | number },
  { log, control }: Around,
  run: (context: CallContext, messages_max: number | undefined) => Promise<Result>,
): Promise<{ result: Result } | { error: ServiceError }> {
  const startedAt_ms = performance.now()
  const seen = control?.begin(path, call.getDeadline())
  const controller = new AbortController()
  const { signal } = controller
  call.on('cancelled', () => controller.abort())
  // Of a call with one request the end says nothing. A stream of them may have been cut.
  let complete: Promise<unknown> = Promise.resolve()
  call.once('end', () => {
    complete = afterReset()
  })
  const confirm = async () => {
    await complete
    signal.throwIfAborted()
  }
  try {
    if (seen !== undefined) await holdBack(seen, signal)
    const result = await run({ method: path, signal, confirm }, seen && messagesMax(seen))
    if (seen !== undefined) control?.end(seen, Code.OK)
    return { result }
  } catch (error) {
    const status = toStatus(error, controller.signal)
    if (seen !== undefined) control?.end(seen, status.code)
    log(status.code === Code.INTERNAL ? 'error' : 'info', 'call failed', {
      method: path,
      code: Code[status.code],
      reason: status.message,
      duration_ms: Math.round(performance.now() - startedAt_ms),
      // What the caller is not told: it may hold names and paths.
      ...(error instanceof StatusError || controller.signal.aborted ? {} : { cause: String(error) }),
    })
    return { error: toServiceError(status) }
  }
}

function toStatus(error: unknown, signal: AbortSignal): StatusError {
  if (error instanceof StatusError) return error
  if (signal.aborted) return new StatusError(Code.CANCELLED, 'the call was cancelled')
  // The next call gets a new process.
  if (error instanceof GitProcessError || (error instanceof GitCommandError && error.code === null)) {
    return new StatusError(Code.UNAVAILABLE, 'a git process ended unexpectedly')
  }
  if (error instanceof GitCommandError) return new StatusError(Code.INTERNAL, 'a git command failed')
  if (isReceiveError(error)) return new StatusError(error.code, 'the request could not be received')
  return new StatusError(Code.INTERNAL, 'internal error')
}

/** grpc-js reports a request that is too large or malformed as an error of the request stream. */
function isReceiveError(error: unknown): error is Error & { code: Code } {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && error.code in Code
}

function handler(path: string, method: Method, around: Around): UntypedServiceImplementation[string] {
  switch (method.kind) {
    case 'unary':
      return async (call: ServerUnaryCall<object, object>, callback: sendUnaryData<object>) => {
        const run = (context: CallContext) => method.handle(call.request as never, context)
        reply(callback, await invoke(path, call, around, wholly(run)))
      }
    case 'client-stream':
      return async (call: ServerReadableStream<object, object>, callback: sendUnaryData<object>) => {
        const run = (context: CallContext) => method.handle(receive(call, context.signal), context)
        reply(callback, await invoke(path, call, around, wholly(run)))
      }
    case 'server-stream':
      return async (call: ServerWritableStream<object, object>) => {
        finish(
          call,
          await invoke(path, call, around, (context, messages_max) =>
            send(call, method.handle(call.request as never, context), context.signal, messages_max),
          ),
        )
      }
    case 'bidirectional':
      return async (call: ServerDuplexStream<object, object>) => {
        finish(
          call,
          await invoke(path, call, around, (context, messages_max) =>
            send(call, method.handle(receive(call, context.signal), context), context.signal, messages_max),
          ),
        )
      }
  }
}

/** An answer of one message, which passes or is lost. */
function wholly(run: (context: CallContext) => Promise<object>) {
  return async (context: CallContext, messages_max: number | undefined): Promise<object> => {
    const result = await run(context)
    if (messages_max !== undefined && messages_max < 1) throw dropped()
    return result
  }
}

function reply(callback: sendUnaryData<object>, outcome: { result: object } | { error: ServiceError }): void {
  if ('error' in outcome) callback(outcome.error)
  else callback(null, outcome.result)
}

function finish(call: ResponseStream, outcome: object | { error: ServiceError }): void {
  if ('error' in outcome) call.emit('error', outcome.error)
  else call.end()
}

/** The requests of a stream. A caller that goes away in the middle ends it with an error instead of leaving it waiting. */
async function* receive(
  call: ServerReadableStream<object, object> | ServerDuplexStream<object, object>,
  signal: AbortSignal,
): AsyncGenerator<never> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  aborted.catch(() => {})
  // Destroying the stream when the method stops reading early would lose the status.
  const requests = call.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]()
  for (;;) {
    const next = await Promise.race([requests.next(), aborted])
    if (next.done) return
    yield next.value as never
  }
}

/** Sends as fast as the caller takes it. */
async function send(
  call: ResponseStream,
  responses: AsyncIterable<object>,
  signal: AbortSignal,
  messages_max = Number.POSITIVE_INFINITY,
): Promise<void> {
  let sent = 0
  for await (const response of responses) {
    signal.throwIfAborted()
    if (sent++ >= messages_max) throw dropped()
    if (!call.write(response)) await drained(call, signal)
  }
}

function drained(call: ResponseStream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }
    const onAbort = () => {
      call.removeListener('drain', onDrain)
      reject(signal.reason)
    }
    call.once('drain', onDrain)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
