// A real HTTP server in front of a real Conman that can spoil any answer: by route, by the number of the request, or all of
// them. It counts what it was asked, so that a flow can be cut at each of its steps.

import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Agent, type Dispatcher } from 'undici'

/** A request as it came. A behaviour may change it before it is sent on. */
export interface Asked {
  /** From 1, counted anew by `aim`. */
  readonly number: number
  readonly method: string
  path: string
  query: URLSearchParams
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface Answer {
  status: number
  headers: Record<string, string | string[]>
  body: Buffer
}

export interface Exchange {
  asked: Asked
  response: ServerResponse
  socket: Socket
  /** Aborted when the asker has gone or the proxy ends: whoever drips stops then. */
  gone: AbortSignal
  /** What the Conman behind it answers; never throws for an answer that is an error. */
  forward(asked?: Asked): Promise<Answer>
}

/** Answers one request, in whatever way. */
export type Behaviour = (exchange: Exchange) => Promise<void> | void

export interface Rule {
  /** All requests when nothing is said. */
  when?: (asked: Asked) => boolean
  does: Behaviour
}

/** Of one connection to the next only. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'host',
  'upgrade',
  'expect',
])

export class AwkwardProxy implements AsyncDisposable {
  readonly #server = createServer(
    { keepAliveTimeout: 30_000 },
    (request, response) => void this.#serve(request, response),
  )
  readonly #upstream: string
  readonly #agent = new Agent({ connections: 64, pipelining: 1 })
  readonly #ending = new AbortController()
  readonly #sockets = new Set<Socket>()
  #rules: readonly Rule[] = []
  #asked: Asked[] = []

  private constructor(upstream: string) {
    this.#upstream = upstream
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => this.#sockets.delete(socket))
    })
    // Without a listener of ours Node says 'continue' by itself, which is what most servers do.
    this.#server.on('clientError', (_, socket) => socket.destroy())
  }

  /** In front of `upstream`, a base URL; on a free port of loopback. */
  static async start(upstream: string, ...rules: readonly Rule[]): Promise<AwkwardProxy> {
    const proxy = new AwkwardProxy(upstream)
    proxy.aim(...rules)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** From now on the first rule that fits decides; what none fits is passed on as it is. Counts from 1 again. */
  aim(...rules: readonly Rule[]): void {
    this.#rules = rules
    this.#asked = []
  }

  /** Everything since `aim`, in order. */
  get asked(): readonly Asked[] {
    return this.#asked
  }

  /** Connections that somebody holds open. */
  get connections(): number {
    return this.#sockets.size
  }

  /** The Conman behind the proxy, asked past all rules. */
  async forward(asked: Pick<Asked, 'method' | 'path' | 'query' | 'headers' | 'body'>): Promise<Answer> {
    const query = asked.query.toString()
    const answer = await this.#agent.request({
      origin: this.#upstream,
      path: query === '' ? asked.path : `${asked.path}?${query}`,
      method: asked.method as Dispatcher.HttpMethod,
      headers: Object.fromEntries(Object.entries(asked.headers).filter(([name]) => !HOP_BY_HOP.has(name))),
      ...(asked.body.length === 0 ? {} : { body: asked.body }),
    })
    const headers = Object.entries(answer.headers).flatMap(([name, value]) =>
      value === undefined || HOP_BY_HOP.has(name) ? [] : [[name, value]],
    )
    return {
      status: answer.statusCode,
      headers: Object.fromEntries(headers),
      body: Buffer.from(await answer.body.arrayBuffer()),
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request
    const left = new AbortController()
    response.once('close', () => left.abort())
    response.on('error', () => {})
    const gone = AbortSignal.any([left.signal, this.#ending.signal])
    try {
      const url = new URL(request.url ?? '/', 'http://conman.invalid')
      const asked: Asked = {
        number: this.#asked.length + 1,
        method: request.method ?? 'GET',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body: Buffer.alloc(0),
      }
      this.#asked.push(asked)
      const rule = this.#rules.find(({ when }) => when === undefined || when(asked))
      asked.body = Buffer.concat(await request.toArray())
      const exchange: Exchange = { asked, response, socket, gone, forward: (changed = asked) => this.forward(changed) }
      await (rule === undefined ? passOn(exchange) : rule.does(exchange))
    } catch (cause) {
      // A rule that fails must not look like an awkward server.
      if (!gone.aborted) {
        process.stderr.write(
          `awkward proxy: ${request.method} ${request.url}: ${cause instanceof Error ? cause.stack : cause}\n`,
        )
      }
      socket.destroy()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await this.#agent.destroy()
  }
}

export const passOn: Behaviour = async ({ forward, response }) => send(response, await forward())

export function send(response: ServerResponse, { status, headers, body }: Answer): void {
  const bodyless = status === 204 || status === 304
  response.writeHead(status, bodyless ? headers : { ...headers, 'content-length': String(body.length) })
  response.end(bodyless ? undefined : body)
}

/** By the method and the path, whose `:parts` stand for anything: `POST /api/apps/:app/releases`. */
export function route(pattern: string): (asked: Pick<Asked, 'method' | 'path'>) => boolean {
  const [method, path = ''] = pattern.split(' ')
  const expression = new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+')}$`)
  return (asked) => asked.method === method && expression.test(asked.path)
}

/** Only the n-th request, counted from 1. */
export const nth = (number: number) => (asked: Asked) => asked.number === number
