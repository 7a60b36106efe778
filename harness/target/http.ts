// One HTTP client for talking to a Conman: connections reused, nothing followed, every answer bounded in time and size.
// What comes back is hostile until decoded.

import { getCACertificates } from 'node:tls'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'
import { Agent, type Dispatcher } from 'undici'

/**
 * Why there is no answer: no connection, or one that broke; too late; too large; or in an encoding that nobody asked for
 * and that cannot be read.
 */
export type NoAnswer = 'connection' | 'deadline' | 'too-large' | 'unreadable'

export interface HttpAnswer {
  /** 0 when no answer came, or none that could be read to its end; then `failure` says why. */
  status: number
  headers: Record<string, string>
  /** Text of the body, at most `BODY_BYTES_MAX`. */
  text: string
  /** The body as JSON, or undefined when it is none. */
  json: unknown
  duration_ms: number
  failure?: string
  /** Set together with `failure`. */
  failed?: NoAnswer
  /** Where a redirect points. It is an answer like any other: nothing is ever sent there. */
  redirectedTo?: string
}

export interface RequestOptions {
  token?: string
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is, with a JSON content type, instead of `body`. */
  rawBody?: string
  /** Beside those that the client sets, or in their place. Names in lower case. */
  headers?: Readonly<Record<string, string>>
  signal?: AbortSignal | undefined
  /** From the first byte sent to the last one read; `REQUEST_WITHIN_MS` when nothing is said. */
  within_ms?: number
}

/** What a client has sent, and what came of it. */
export interface Tally {
  requests: number
  /** How often each status was answered; `no answer` where none was. */
  by_status: Record<string, number>
}

/** Conman refuses request bodies over 10 MiB; its answers carry a file of that size as base64 at most. */
export const BODY_BYTES_MAX = 16 * 1024 * 1024

/** Above Conman's own bound for a git request (30 s, decisions C2), so that the target's answer is what is seen. */
const REQUEST_WITHIN_MS = 40_000
const CONNECT_WITHIN_MS = 10_000

export class HttpClient implements AsyncDisposable {
  readonly baseUrl: string
  readonly tally: Tally = { requests: 0, by_status: {} }
  readonly #agent: Agent
  readonly #origin: string
  readonly #prefix: string

  /** `ca`: certificates in PEM that are trusted beside those that Node trusts. */
  constructor(baseUrl: string, options: { connections?: number; ca?: string | undefined } = {}) {
    this.baseUrl = baseUrl.replace(/\/+$/, '')
    const url = new URL(this.baseUrl)
    this.#origin = url.origin
    this.#prefix = url.pathname.replace(/\/+$/, '')
    this.#agent = new Agent({
      connections: options.connections ?? 16,
      pipelining: 1,
      connect: {
        timeout: CONNECT_WITHIN_MS,
        ...(options.ca === undefined ? {} : { ca: [...getCACertificates('default'), options.ca] }),
      },
      // One deadline bounds the whole request (below): a time-out between two bytes would let one a second go on for ever.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  /** `path` starts with `/api`. Never throws for what the target or the network does, only when `signal` was aborted. */
  async request(method: Dispatcher.HttpMethod, path: string, options: RequestOptions = {}): Promise<HttpAnswer> {
    const within_ms = options.within_ms ?? REQUEST_WITHIN_MS
    const started = performance.now()
    using deadline = deadlineOf(within_ms, options.signal)
    const answer = await this.#exchange(method, path, options, deadline.signal).catch((cause: unknown): Answered => {
      if (options.signal?.aborted) throw options.signal.reason
      if (cause instanceof Unusable) return { ...NONE, failure: cause.message, failed: cause.kind }
      if (deadline.signal.aborted)
        return { ...NONE, failure: `no whole answer within ${within_ms / 1_000} s`, failed: 'deadline' }
      return { ...NONE, failure: describeFailure(cause), failed: 'connection' }
    })
    const status = answer.status === 0 ? 'no answer' : String(answer.status)
    this.tally.requests += 1
    this.tally.by_status[status] = (this.tally.by_status[status] ?? 0) + 1
    return { ...answer, duration_ms: performance.now() - started }
  }

  async #exchange(
    method: Dispatcher.HttpMethod,
    path: string,
    { token, body, rawBody, headers }: RequestOptions,
    signal: AbortSignal,
  ): Promise<Answered> {
    const sent = rawBody ?? (body === undefined ? undefined : JSON.stringify(body))
    const answer = await this.#agent.request({
      origin: this.#origin,
      path: `${this.#prefix}${path}`,
      method,
      headers: {
        accept: 'application/json',
        'accept-encoding': 'identity',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(sent === undefined ? {} : { body: sent }),
      signal,
    })
    const given = Object.fromEntries(
      Object.entries(answer.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]),
    )
    const bytes = await readBounded(answer.body, answer.statusCode)
    const text = (await decoded(bytes, given['content-encoding'], answer.statusCode)).toString('utf8')
    const redirect = answer.statusCode >= 300 && answer.statusCode < 400 ? given.location : undefined
    return {
      status: answer.statusCode,
      headers: given,
      text,
      json: parseJson(text),
      ...(redirect === undefined ? {} : { redirectedTo: redirect }),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }
}

type Answered = Omit<HttpAnswer, 'duration_ms'>

const NONE = { status: 0, headers: {}, text: '', json: undefined }

/** An answer that began and is of no use. */
class Unusable extends Error {
  readonly kind: NoAnswer
  constructor(kind: NoAnswer, message: string) {
    super(message)
    this.kind = kind
  }
}

/** Aborted when the time is over or the caller's signal is. Disposed of, it leaves nothing behind on that signal. */
function deadlineOf(within_ms: number, outer: AbortSignal | undefined): Disposable & { signal: AbortSignal } {
  const controller = new AbortController()
  const end = () => controller.abort()
  if (outer?.aborted) end()
  const timer = setTimeout(end, within_ms)
  outer?.addEventListener('abort', end, { once: true })
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer)
      outer?.removeEventListener('abort', end)
    },
  }
}

async function readBounded(body: AsyncIterable<Buffer>, status: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > BODY_BYTES_MAX) throw tooLarge(status, 'is')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function tooLarge(status: number, grows: 'is' | 'unpacks to'): Unusable {
  return new Unusable('too-large', `the answer (HTTP ${status}) ${grows} more than ${BODY_BYTES_MAX} bytes`)
}

/** We ask for no encoding. What comes in one all the same is unpacked as far as any answer is read, and no further. */
const DECODERS: Readonly<Record<string, (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
}

async function decoded(bytes: Buffer, encoding: string | undefined, status: number): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase() ?? ''
  if (name === '' || name === 'identity' || bytes.length === 0) return bytes
  const decode = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined
  if (decode === undefined) {
    throw new Unusable('unreadable', `the answer (HTTP ${status}) comes in the encoding ‘${name.slice(0, 40)}’`)
  }
  try {
    return await decode(bytes, { maxOutputLength: BODY_BYTES_MAX })
  } catch (cause) {
    if (cause instanceof RangeError) throw tooLarge(status, 'unpacks to')
    throw new Unusable('unreadable', `the answer (HTTP ${status}) is no ${name}: ${describeFailure(cause)}`)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A network error's own code first: it is what a person can look up. */
export function describeFailure(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const inner = cause.cause instanceof Error ? cause.cause : cause
  const errors = inner instanceof AggregateError && inner.errors[0] instanceof Error ? inner.errors[0] : inner
  const code = 'code' in errors && typeof errors.code === 'string' ? errors.code : undefined
  return code && !errors.message.includes(code) ? `${code}: ${errors.message}` : errors.message
}
