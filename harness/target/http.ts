// One HTTP client for talking to a Conman: connections reused, nothing followed, every answer bounded in time and size.
// What comes back is hostile until decoded.

import { Agent, type Dispatcher } from 'undici'
import { UsageError } from '../errors.ts'

export interface HttpAnswer {
  /** 0 when no answer came; then `failure` says why. */
  status: number
  headers: Record<string, string>
  /** Text of the body, at most `BODY_BYTES_MAX`. */
  text: string
  /** The body as JSON, or undefined when it is none. */
  json: unknown
  duration_ms: number
  failure?: string
}

/** Conman refuses request bodies over 10 MiB; its answers carry a file of that size as base64 at most. */
const BODY_BYTES_MAX = 16 * 1024 * 1024

/** Above Conman's own bound for a git request (30 s, decisions C2), so that the target's answer is what is seen. */
const REQUEST_TIMEOUT_MS = 40_000

export class HttpClient implements AsyncDisposable {
  readonly baseUrl: string
  readonly #agent: Agent

  constructor(baseUrl: string, options: { connections?: number } = {}) {
    this.baseUrl = baseUrl.replace(/\/+$/, '')
    this.#agent = new Agent({
      connections: options.connections ?? 16,
      pipelining: 1,
      connect: { timeout: 10_000 },
      headersTimeout: REQUEST_TIMEOUT_MS,
      bodyTimeout: REQUEST_TIMEOUT_MS,
    })
  }

  /** `path` starts with `/api`. A body is sent as JSON. Never throws for what the target or the network does. */
  async request(
    method: Dispatcher.HttpMethod,
    path: string,
    options: { token?: string; body?: unknown; signal?: AbortSignal } = {},
  ): Promise<HttpAnswer> {
    const url = new URL(this.baseUrl)
    const started = performance.now()
    try {
      const answer = await this.#agent.request({
        origin: url.origin,
        path: `${url.pathname.replace(/\/+$/, '')}${path}`,
        method,
        headers: {
          accept: 'application/json',
          ...(options.token ? { authorization: `Bearer ${options.token}` } : {}),
          ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
        ...(options.signal ? { signal: options.signal } : {}),
      })
      const text = await readBounded(answer.body)
      return {
        status: answer.statusCode,
        headers: Object.fromEntries(
          Object.entries(answer.headers).map(([name, value]) => [
            name,
            Array.isArray(value) ? value.join(', ') : (value ?? ''),
          ]),
        ),
        text,
        json: parseJson(text),
        duration_ms: performance.now() - started,
      }
    } catch (cause) {
      if (options.signal?.aborted) throw options.signal.reason
      return {
        status: 0,
        headers: {},
        text: '',
        json: undefined,
        duration_ms: performance.now() - started,
        failure: describeFailure(cause),
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }
}

async function readBounded(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > BODY_BYTES_MAX) throw new Error(`the answer is larger than ${BODY_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
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

/** A URL that a user gave: http or https, no credentials in it. */
export function parseBaseUrl(text: string, variable: string): string {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new UsageError(`${variable} is not a URL`, `set it like ${variable}=http://127.0.0.1:3000`)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new UsageError(
      `${variable} must begin with http:// or https://`,
      `set it like ${variable}=http://127.0.0.1:3000`,
    )
  }
  if (url.username || url.password) {
    throw new UsageError(
      `${variable} carries credentials`,
      'take them out: the admin account goes into CONMAN_ADMIN_EMAIL and CONMAN_ADMIN_PASSWORD',
    )
  }
  url.hash = ''
  url.search = ''
  return url.toString().replace(/\/+$/, '')
}
