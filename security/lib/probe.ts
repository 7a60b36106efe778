// One request and what came of it, as a record that anybody can read and repeat. Secrets never stand in it: each is replaced by
// the variable that a reader sets to his own.

import { createHash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import type { Call } from '../../harness/target/conman/call.ts'
import { codeOf, saidBy } from '../../harness/target/conman/error.ts'
import type { HttpAnswer } from '../../harness/target/http.ts'

const OptionalText = Type.Union([Type.String(), Type.Null()])

export const ProbeSchema = Type.Object(
  {
    /** Who asks, for people: `a reviewer`. */
    as: Type.String(),
    method: Type.String(),
    /** With its query, as it was sent; `base64` where it is no text. */
    path: Type.String(),
    headers: Type.Array(Type.Tuple([Type.String(), Type.String()])),
    /** Cut; null where none was sent. */
    body: OptionalText,
    body_bytes: Type.Integer(),
    /** Which of `path` and `body` are written as base64, because they are no text that can be shown. */
    base64: Type.Array(Type.Union([Type.Literal('path'), Type.Literal('body')])),
    /** Those that stand in it, in place of secrets. */
    variables: Type.Array(Type.String()),
    /** 0: no answer. */
    status: Type.Integer(),
    /** Of the error envelope; null where there is none. */
    code: OptionalText,
    /** The answer in one line. */
    said: Type.String(),
    /** Of the answer's body: its beginning, its length, its hash. */
    answer: Type.String(),
    answer_bytes: Type.Integer(),
    answer_sha256: Type.String(),
  },
  { additionalProperties: false },
)
export type Probe = Static<typeof ProbeSchema>

/** What is sent, whoever sends it. */
export interface Sent {
  as: string
  method: string
  path: string | Uint8Array
  headers?: readonly (readonly [string, string])[]
  body?: string | Uint8Array | undefined
}

const BODY_CHARACTERS_MAX = 4_000
const ANSWER_CHARACTERS_MAX = 600

/** Replaces secrets by the variables that stand for them. Longer ones first: one may be a part of another. */
export class Disguise {
  readonly #names = new Map<string, string>()

  /** `name`: of the variable, such as TOKEN_REVIEWER. */
  hide(secret: string | undefined, name: string): void {
    if (secret !== undefined && secret !== '') this.#names.set(secret, name)
  }

  get names(): string[] {
    return [...new Set(this.#names.values())]
  }

  text(text: string): string {
    let shown = text
    for (const [secret, name] of [...this.#names].sort((a, b) => b[0].length - a[0].length)) {
      shown = shown.replaceAll(secret, `$${name}`)
      const escaped = JSON.stringify(secret).slice(1, -1)
      if (escaped !== secret) shown = shown.replaceAll(escaped, `$${name}`)
    }
    return shown
  }
}

export function recorded(
  { as, method, path, headers = [], body }: Sent,
  answer: HttpAnswer,
  disguise: Disguise,
): Probe {
  const [shownPath, pathIsText] = shown(path, disguise)
  const [shownBody, bodyIsText] = body === undefined ? [null, true] : shown(body, disguise)
  const shownHeaders = headers.map(([name, value]): [string, string] => [name, disguise.text(value)])
  const texts = [shownPath, shownBody ?? '', ...shownHeaders.map(([, value]) => value)].join(' ')
  return {
    as,
    method,
    path: shownPath,
    headers: shownHeaders,
    variables: disguise.names.filter((name) => texts.includes(`$${name}`)),
    body: shownBody === null ? null : shownBody.slice(0, BODY_CHARACTERS_MAX),
    body_bytes: body === undefined ? 0 : Buffer.byteLength(body),
    base64: [...(pathIsText ? [] : ['path' as const]), ...(bodyIsText ? [] : ['body' as const])],
    status: answer.status,
    code: codeOf(answer) ?? null,
    said: disguise.text(saidBy(answer)),
    answer: disguise.text(answer.text.slice(0, 4 * ANSWER_CHARACTERS_MAX)).slice(0, ANSWER_CHARACTERS_MAX),
    answer_bytes: Buffer.byteLength(answer.text),
    answer_sha256: createHash('sha256').update(answer.text).digest('hex'),
  }
}

/** The request of a call, as the harness's client sends it with this token. */
export function sentBy(call: Call<unknown>, as: string, token: string | undefined): Sent {
  const query = new URLSearchParams(call.query).toString()
  return {
    as,
    method: call.method,
    path: query === '' ? call.path : `${call.path}?${query}`,
    headers: [
      ...(token === undefined ? [] : [['authorization', `Bearer ${token}`] as const]),
      ...(call.method === 'GET' ? [] : [['content-type', 'application/json'] as const]),
      ...Object.entries(call.headers ?? {}),
    ],
    ...(call.method === 'GET' ? {} : { body: call.rawBody ?? JSON.stringify(call.body ?? {}) }),
  }
}

const NO_TEXT = /\p{Cc}|\uFFFD/u

function shown(value: string | Uint8Array, disguise: Disguise): [text: string, isText: boolean] {
  const bytes = Buffer.from(value)
  const text = bytes.toString('utf8')
  const readable = typeof value === 'string' || Buffer.from(text).equals(bytes)
  return readable && !NO_TEXT.test(text.replaceAll(/[\n\t]/g, ''))
    ? [disguise.text(text), true]
    : [bytes.toString('base64'), false]
}

/**
 * A command that sends the same by hand, with the address and every secret taken from variables. What a shell or curl would not
 * let through as it is goes by base64.
 */
export function curlOf({ method, path, headers, body, body_bytes, base64, variables }: Probe): string {
  const word = (text: string) => wordOf(text, variables)
  const cut = body !== null && !base64.includes('body') && Buffer.byteLength(body) < body_bytes
  const data =
    body === null
      ? ''
      : cut
        ? ` --data-binary @BODY # ${body_bytes} bytes, beginning with ${word(body.slice(0, 60))}`
        : base64.includes('body')
          ? ' --data-binary @-'
          : ` --data-raw ${word(body)}`
  const target = base64.includes('path')
    ? ` --request-target "$(printf %s ${word(path)} | base64 -d)" "$CONMAN_BASE_URL"`
    : ` "$CONMAN_BASE_URL"${word(path)}`
  const words = [
    'curl -sS -i --path-as-is --globoff',
    ` -X ${word(method)}`,
    ...headers.map(([name, value]) => ` -H ${word(`${name}: ${value}`)}`),
    target,
    data,
  ].join('')
  return body !== null && base64.includes('body') ? `printf %s ${word(body)} | base64 -d | ${words}` : words
}

/** One word for a shell, in which these variables are read and nothing else is. */
function wordOf(text: string, variables: readonly string[]): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text
  const names = variables.map((name) => `$${name}`)
  const parts = names.length === 0 ? [text] : text.split(new RegExp(`(\\$(?:${variables.join('|')})\\b)`))
  return parts
    .filter((part) => part !== '')
    .map((part) => (names.includes(part) ? `"${part}"` : `'${part.replaceAll("'", `'\\''`)}'`))
    .join('')
}
