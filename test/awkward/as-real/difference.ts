// A way in which the real Conman differs from its specification, as a step that a request and its answer pass: it may answer
// itself, change what is sent on, or change what comes back. Named by the contract's row (http-api, chapter 6).

import { randomBytes } from 'node:crypto'
import type { Answer, Asked } from '../proxy.ts'

export interface Difference {
  /** The row of the contract, such as `HD15`. */
  id: string
  what: string
  /** An answer keeps the request from going further. `hang-up` closes the connection without one. */
  before?(asked: Asked): Given | Promise<Given>
  after?(asked: Asked, answer: Answer): Answer | undefined | Promise<Answer | undefined>
}

export type Given = Answer | 'hang-up' | undefined

/** The Conman behind the proxy, asked on somebody's behalf. */
export type Upstream = (method: string, path: string, token: string, body?: unknown) => Promise<Answer>

export type Fields = Record<string, unknown>

export function json(status: number, body: unknown): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(body)) }
}

export function text(status: number, body: string): Answer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: Buffer.from(body) }
}

export function refusal(status: number, code: string, message: string): Answer {
  return json(status, { error: { code, message, request_id: randomBytes(16).toString('hex') } })
}

export const forbidden = (message: string) => refusal(403, 'forbidden', `forbidden: ${message}`)
export const conflict = (message: string) => refusal(409, 'conflict', `conflict: ${message}`)
export const unknownRoute = () => refusal(404, 'not_found', 'The requested resource was not found')

/** A body as JSON, or undefined where it is none. */
export function parsed({ body }: { body: Buffer }): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

/** A request's body as an object; empty where it is none. */
export function fields(message: { body: Buffer }): Fields {
  const value = parsed(message)
  return isObject(value) ? value : {}
}

/** What a good answer holds. */
export function dataOf(answer: Answer): unknown {
  return fields(answer).data
}

export function isObject(value: unknown): value is Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

export function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300
}

/** Sends another body than the one that came. */
export function rewrite(asked: Asked, body: unknown): void {
  asked.body = Buffer.from(JSON.stringify(body))
}

/** The same answer with another `data`. */
export function withData(answer: Answer, data: unknown): Answer {
  return { ...answer, body: Buffer.from(JSON.stringify({ ...fields(answer), data })) }
}

/** Every object in an answer that `change` knows is put in another way; what it does not know stays. */
export function mapObjects(value: unknown, change: (object: Fields) => Fields): unknown {
  if (Array.isArray(value)) return value.map((one) => mapObjects(one, change))
  if (!isObject(value)) return value
  return change(Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mapObjects(one, change)])))
}

export function tokenOf(asked: Asked): string | undefined {
  return /^[Bb]earer (.+)$/.exec(asked.headers.authorization ?? '')?.[1]
}

/** The parts of a path under an app: `[appId, 'releases', id, 'publish']`; empty for other paths. */
export function partsOf(path: string): string[] {
  return /^\/api\/apps\/(.+)$/.exec(path)?.[1]?.split('/') ?? []
}

/** The path with the ids taken out, `PUT workspaces/:/files`: what a table of routes is asked by. */
export function operationOf({ method, path }: Pick<Asked, 'method' | 'path'>): string {
  const [, ...rest] = partsOf(path)
  return `${method} ${rest.map((part, index) => (index % 2 === 1 && !NOUNS.has(part) ? ':' : part)).join('/')}`
}

/** Words that stand where another route has an id. */
const NOUNS = new Set(['reorder'])

export const freshId = () => randomBytes(12).toString('hex')
