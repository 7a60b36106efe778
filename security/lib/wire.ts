// An HTTP client that sends exactly what it is given. Every other client rewrites something: a path with `..`, a backslash, two
// headers of one name, a length that is wrong. Here bytes go onto a socket, and what comes back is read as far as it is bounded.
// A connection for each request, so that nothing of one is left to the next.

import { readFileSync } from 'node:fs'
import { isIP, type Socket, connect as tcpConnect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { getCACertificates, connect as tlsConnect } from 'node:tls'
import type { Run } from '../../harness/run.ts'
import { retryAfterMs } from '../../harness/target/conman.ts'
import { BODY_BYTES_MAX, describeFailure, type HttpAnswer, type NoAnswer } from '../../harness/target/http.ts'
import type { Target } from '../../harness/target/target.ts'

export interface ExactRequest {
  method: string
  /** The request target as it goes onto the wire: nothing is encoded, decoded or tidied up. Text goes as UTF-8. */
  path: string | Uint8Array
  /** In this order, as they are. `host`, and with a body `content-length`, are added only where they are not given. */
  headers?: readonly (readonly [name: string, value: string])[]
  body?: string | Uint8Array
}

export interface SendOptions {
  /** From the first byte sent to the last one read. */
  within_ms?: number
  /** Waits with the body until the server says 100, answers, or lets this much time go by (`Expect: 100-continue`). */
  holdBody_ms?: number
  /** The address that the connection comes from, such as 127.0.0.7: for what counts by address. */
  from?: string
  signal?: AbortSignal | undefined
}

export interface WireAnswer extends HttpAnswer {
  /** Statuses of the answers before the answer (100, 103). */
  interim: number[]
  /** Of the request, as handed to the operating system before the answer was there. */
  bytes_sent: number
}

/** As the harness's other client: above Conman's own bound for a git request. */
const WITHIN_MS = 40_000
const HEAD_BYTES_MAX = 256 * 1024
/** A long body goes in pieces, so that one that is answered half-way is not sent to its end. */
const CHUNK_BYTES = 64 * 1024

/** One window of the longest specified limit and a bit, as conman.ts. */
const PATIENCE_MS = 130_000

export class Wire {
  readonly host: string
  /** What stands before `/api` where the target is not at the root. */
  readonly prefix: string
  readonly #url: URL
  readonly #ca: string | undefined
  readonly #tally: Target['conman']['http']['tally'] | undefined

  constructor(baseUrl: string, options: { ca?: string | undefined; tally?: Target['conman']['http']['tally'] } = {}) {
    this.#url = new URL(baseUrl)
    this.host = this.#url.host
    this.prefix = this.#url.pathname.replace(/\/+$/, '')
    this.#ca = options.ca
    this.#tally = options.tally
  }

  /** What `send` puts onto the wire, head and body. */
  bytesOf({ method, path, headers = [], body }: ExactRequest): { head: Buffer; body: Buffer } {
    const given = new Set(headers.map(([name]) => name.toLowerCase()))
    const content = body === undefined ? Buffer.alloc(0) : Buffer.from(body)
    const lines = headers.map(([name, value]) => `${name}: ${value}`)
    if (!given.has('host')) lines.unshift(`host: ${this.host}`)
    if (body !== undefined && !given.has('content-length') && !given.has('transfer-encoding')) {
      lines.push(`content-length: ${content.length}`)
    }
    const head = Buffer.concat([
      Buffer.from(`${method} ${this.prefix}`),
      Buffer.from(path),
      Buffer.from(` HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`),
    ])
    return { head, body: content }
  }

  /** Never throws for what the target or the network does, only when `signal` was aborted. */
  async send(request: ExactRequest, options: SendOptions = {}): Promise<WireAnswer> {
    const { head, body } = this.bytesOf(request)
    return this.sendBytes([head, body], { ...options, method: request.method })
  }

  /** As `send`, and asks again where the target says that it was asked too often: limits are obeyed, not fought. */
  async sendPatiently(request: ExactRequest, options: SendOptions = {}): Promise<WireAnswer> {
    let waited_ms = 0
    for (;;) {
      const answer = await this.send(request, options)
      const wait_ms = answer.status === 429 ? retryAfterMs(answer) : 0
      if (wait_ms === 0 || waited_ms + wait_ms > PATIENCE_MS) return answer
      waited_ms += wait_ms
      await delay(wait_ms, undefined, { signal: options.signal })
    }
  }

  /** Whole messages of one's own making: the head, then the body. `method` tells whether the answer may have a body. */
  async sendBytes(
    [head, body]: readonly [head: Uint8Array, body?: Uint8Array],
    options: SendOptions & { method?: string } = {},
  ): Promise<WireAnswer> {
    const { within_ms = WITHIN_MS, signal } = options
    signal?.throwIfAborted()
    const started = performance.now()
    const answer = await this.#converse(head, body ?? new Uint8Array(), options, within_ms)
    signal?.throwIfAborted()
    if (this.#tally !== undefined) {
      const status = answer.status === 0 ? 'no answer' : String(answer.status)
      this.#tally.requests += 1
      this.#tally.by_status[status] = (this.#tally.by_status[status] ?? 0) + 1
    }
    return { ...answer, duration_ms: performance.now() - started }
  }

  #connect(from: string | undefined): Socket {
    const { protocol, hostname, port } = this.#url
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    const local = from === undefined ? {} : { localAddress: from }
    if (protocol === 'http:') return tcpConnect({ host, port: Number(port || 80), ...local })
    return tlsConnect({
      host,
      port: Number(port || 443),
      ...local,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(this.#ca === undefined ? {} : { ca: [...getCACertificates('default'), this.#ca] }),
    })
  }

  #converse(
    head: Uint8Array,
    body: Uint8Array,
    { from, holdBody_ms, signal, method = '' }: SendOptions & { method?: string },
    within_ms: number,
  ): Promise<Omit<WireAnswer, 'duration_ms'>> {
    return new Promise((resolve) => {
      const socket = this.#connect(from)
      const reader = new AnswerReader(method)
      let settled = false
      let release = () => {}
      const finish = (failure?: { failed: NoAnswer; failure: string }) => {
        if (settled) return
        settled = true
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        release()
        const bytes_sent = socket.bytesWritten
        socket.destroy()
        const read = reader.answer
        resolve(
          read !== undefined
            ? { ...read, interim: reader.interim, bytes_sent }
            : { ...NONE, ...(failure ?? CLOSED), interim: reader.interim, bytes_sent },
        )
      }
      const onAbort = () => finish({ failed: 'connection', failure: 'ended' })
      const timer = setTimeout(
        () => finish({ failed: 'deadline', failure: `no whole answer within ${within_ms / 1_000} s` }),
        within_ms,
      )
      signal?.addEventListener('abort', onAbort, { once: true })

      socket.on('data', (chunk: Buffer) => {
        const problem = reader.take(chunk)
        if (problem !== undefined) finish(problem)
        else if (reader.answer !== undefined) finish()
        else if (reader.interim.length > 0) release()
      })
      socket.on('end', () => {
        reader.end()
        finish()
      })
      // What had been answered by then counts; a reset alone is no answer.
      socket.on('error', (cause) => finish({ failed: 'connection', failure: describeFailure(cause) }))
      socket.on('close', () => finish())

      socket.once('connect', async () => {
        socket.setNoDelay(true)
        socket.write(head)
        if (holdBody_ms !== undefined) {
          const released = new Promise<void>((done) => {
            release = done
          })
          const late = new AbortController()
          await Promise.race([released, delay(holdBody_ms, undefined, { signal: late.signal }).catch(() => {})])
          late.abort()
        }
        for (let offset = 0; offset < body.length && !settled && socket.writable; offset += CHUNK_BYTES) {
          const flows = socket.write(body.subarray(offset, offset + CHUNK_BYTES))
          if (!flows) await new Promise<void>((done) => socket.once('drain', done).once('close', () => done()))
        }
      })
    })
  }
}

/** To the target of a run. */
export function wireTo({ target }: Run): Wire {
  const ca = target.caFile === undefined ? undefined : readFileSync(target.caFile, 'utf8')
  return new Wire(target.baseUrl, { ca, tally: target.conman.http.tally })
}

const NONE = { status: 0, headers: {}, text: '', json: undefined }
const CLOSED = { failed: 'connection' as const, failure: 'the connection was closed without an answer' }

type Read = Pick<HttpAnswer, 'status' | 'headers' | 'text' | 'json' | 'redirectedTo'>
type Problem = { failed: NoAnswer; failure: string }

/** Reads one answer from the bytes of a connection. */
class AnswerReader {
  readonly interim: number[] = []
  answer: Read | undefined
  readonly #method: string
  #bytes = Buffer.alloc(0)
  #head: { status: number; headers: Record<string, string> } | undefined

  constructor(method: string) {
    this.#method = method
  }

  /** What makes the rest of no use, or undefined. */
  take(chunk: Buffer): Problem | undefined {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    if (this.#bytes.length > BODY_BYTES_MAX) {
      return { failed: 'too-large', failure: `the answer is more than ${BODY_BYTES_MAX} bytes` }
    }
    while (this.#head === undefined) {
      const end = this.#bytes.indexOf('\r\n\r\n')
      if (end < 0) {
        return this.#bytes.length > HEAD_BYTES_MAX
          ? { failed: 'unreadable', failure: `the head of the answer is more than ${HEAD_BYTES_MAX} bytes` }
          : undefined
      }
      const head = headOf(this.#bytes.subarray(0, end).toString('latin1'))
      if (head === undefined) return { failed: 'unreadable', failure: 'the answer is no HTTP' }
      this.#bytes = this.#bytes.subarray(end + 4)
      if (head.status >= 100 && head.status <= 199) this.interim.push(head.status)
      else this.#head = head
    }
    const body = this.#whole(this.#head.headers)
    if (body !== undefined) this.#end(body)
    return undefined
  }

  /** The server has closed: without a length that is how an answer ends. */
  end(): void {
    const { headers } = this.#head ?? {}
    if (headers === undefined || this.answer !== undefined) return
    if (headers['content-length'] === undefined && !isChunked(headers)) this.#end(this.#bytes)
  }

  #whole(headers: Record<string, string>): Buffer | undefined {
    const status = this.#head?.status
    if (this.#method === 'HEAD' || status === 204 || status === 304) return Buffer.alloc(0)
    if (isChunked(headers)) return unchunked(this.#bytes)
    const length = Number(headers['content-length'] ?? Number.NaN)
    return this.#bytes.length >= length ? this.#bytes.subarray(0, length) : undefined
  }

  #end(body: Buffer): void {
    const { status, headers } = this.#head!
    const text = body.toString('utf8')
    const redirect = status >= 300 && status <= 399 ? headers.location : undefined
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch {}
    this.answer = { status, headers, text, json, ...(redirect === undefined ? {} : { redirectedTo: redirect }) }
  }
}

function headOf(text: string): { status: number; headers: Record<string, string> } | undefined {
  const [first = '', ...lines] = text.split('\r\n')
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1]
  if (status === undefined) return undefined
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (name !== '' && name !== '__proto__')
      headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  return { status: Number(status), headers }
}

function isChunked(headers: Record<string, string>): boolean {
  return /(^|,)\s*chunked\s*$/i.test(headers['transfer-encoding'] ?? '')
}

/** Undefined until the last chunk is there. */
function unchunked(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = []
  for (let offset = 0; ; ) {
    const end = bytes.indexOf('\r\n', offset)
    if (end < 0) return undefined
    const size = Number.parseInt(bytes.subarray(offset, end).toString('latin1'), 16)
    if (!Number.isFinite(size) || size < 0) return undefined
    if (size === 0) return Buffer.concat(parts)
    if (bytes.length < end + 2 + size + 2) return undefined
    parts.push(bytes.subarray(end + 2, end + 2 + size))
    offset = end + 2 + size + 2
  }
}
