// One operation: written down, sent once, and its end told for what it is. `fail` says that it had no effect, and is said only
// where that is certain.

import type { Call } from '../../../harness/target/conman/call.ts'
import { codeOf } from '../../../harness/target/conman/error.ts'
import { type Conman, ConmanError } from '../../../harness/target/conman.ts'
import type { HttpAnswer } from '../../../harness/target/http.ts'
import type { Completion, Invoke, OperationClass, Recorder, Sighting } from './history.ts'

export interface Act<T> {
  f: string
  class: OperationClass
  process: number
  token: string | undefined
  call: Call<T>
  key?: string
  on?: Readonly<Record<string, string>>
  /** Ids of what was made. */
  made?(value: T): Record<string, string>
  saw?(value: T): Sighting[]
  /** What any answer shows, a refusal too: a health says most when it is not well. */
  shows?(answer: HttpAnswer): Sighting[]
}

export interface Done<T> {
  type: Completion['type']
  status: number
  /** With `ok` alone. */
  value?: T
  answer: HttpAnswer
}

/**
 * Above every bound of the target's own: 30 s of a git request (decisions C2), and the 30 s that a MongoDB driver looks for a
 * primary where nothing else is set.
 */
export const ANSWER_WITHIN_MS = 45_000

/** What is kept of a target's words. */
const BECAUSE_CHARACTERS_MAX = 200

export async function perform<T>(conman: Conman, recorder: Recorder, act: Act<T>): Promise<Done<T>> {
  const what: Pick<Invoke, 'process' | 'f' | 'class' | 'key' | 'on'> = {
    process: act.process,
    f: act.f,
    class: act.class,
    key: act.key ?? null,
    on: { ...act.on },
  }
  const end = recorder.invoke(what)
  // An abort of the run leaves it without an end, as it is.
  const { answer, value } = await conman.once(act.token, act.call, ANSWER_WITHIN_MS)
  const refused = value instanceof ConmanError
  const type = typeOf(act.call, answer, refused)
  const good = type === 'ok' && !refused
  end({
    type,
    status: answer.status,
    code: codeOf(answer) ?? null,
    because: refused ? value.message.slice(0, BECAUSE_CHARACTERS_MAX) : null,
    made: good && act.made !== undefined ? act.made(value) : {},
    saw: act.shows?.(answer) ?? (refused ? [] : (act.saw?.(value) ?? [])),
  })
  return { type, status: answer.status, answer, ...(good ? { value } : {}) }
}

function typeOf(call: Call<unknown>, answer: HttpAnswer, refused: boolean): Completion['type'] {
  const { status } = answer
  const isRead = call.method === 'GET'
  // Acknowledged, in words that are not Conman's: what they acknowledge is not known.
  if (status >= 200 && status <= 299) return refused ? (isRead ? 'fail' : 'info') : 'ok'
  if (isRead || (status >= 400 && status <= 499)) return 'fail'
  return status === 0 && neverSent(answer) ? 'fail' : 'info'
}

/** Nobody listened: nothing can have been done. */
function neverSent({ failed, failure = '' }: HttpAnswer): boolean {
  return failed === 'connection' && /ECONNREFUSED|UND_ERR_CONNECT_TIMEOUT/.test(failure)
}
