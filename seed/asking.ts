// Steps of the product's flow that fixtures need, over HTTP, as a user would take them. Where the target limits its rate,
// they wait as long as it asks.

import { setTimeout as delay } from 'node:timers/promises'
import type { Run } from '../harness/run.ts'
import { ConmanError, recordOf } from '../harness/target/conman.ts'
import type { HttpAnswer } from '../harness/target/http.ts'

/** One window of the longest specified limit, and a bit. */
const PATIENCE_MS = 130_000

/** The `data` of a 2xx; anything else is an error with what the target said. */
export async function ask(
  run: Run,
  what: string,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  options: { token: string; body?: unknown },
): Promise<Record<string, unknown>> {
  const began = performance.now()
  for (;;) {
    const answer = await run.target.conman.http.request(method, path, { ...options, signal: run.signal })
    if (answer.status === 429 && performance.now() - began < PATIENCE_MS) {
      await delay(waitOf(answer), undefined, { signal: run.signal })
      continue
    }
    const data = recordOf(recordOf(answer.json)?.data)
    if (answer.status < 200 || answer.status > 299 || data === undefined) throw new ConmanError(what, answer)
    return data
  }
}

/** Retry-After in seconds, else a second. Bounded: the header is the target's. */
function waitOf(answer: HttpAnswer): number {
  const seconds = Number(answer.headers['retry-after'])
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 65) * 1_000 : 1_000
}

/** A member that some targets put beside others, and some give as the answer itself. */
export function textIn(data: Record<string, unknown>, part: string, key: string): string {
  const value = (recordOf(data[part]) ?? data)[key]
  if (typeof value !== 'string') throw new Error(`the target's answer has no text '${key}'`)
  return value
}
