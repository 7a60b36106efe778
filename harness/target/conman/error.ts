// What a target answered in place of what was asked for. Never an error of the harness.

import type { HttpAnswer } from '../http.ts'
import { recordOf } from './fields.ts'

/** The target refused, or answered something that is not Conman's. Carries what came back. */
export class ConmanError extends Error {
  /** 0 when no answer came. */
  readonly status: number
  readonly code: string | undefined
  readonly answer: HttpAnswer

  /** `problem`: what is wrong with an answer that is no refusal, e.g. `the answer has no text 'id'`. */
  constructor(what: string, answer: HttpAnswer, problem?: string) {
    const said = saidBy(answer)
    super(`${what}: ${problem === undefined ? said : `${problem} (${said})`}`)
    this.name = 'ConmanError'
    this.status = answer.status
    this.code = codeOf(answer)
    this.answer = answer
  }
}

/** An answer in one line: its status, and what its envelope or else its text says. Hostile text, cut. */
export function saidBy(answer: HttpAnswer): string {
  if (answer.status === 0) return `no answer (${answer.failure})`
  if (answer.redirectedTo !== undefined)
    return `HTTP ${answer.status}, a redirect to ${answer.redirectedTo.slice(0, 200)}`
  const code = codeOf(answer)
  const isError = answer.status < 200 || answer.status > 299
  const message = isError ? messageOf(answer) : ''
  return `HTTP ${answer.status}${code ? ` ${code}` : ''}${message ? `: ${message}` : ''}`
}

/** The code of the error envelope; undefined where an error comes without one. */
export function codeOf(answer: HttpAnswer): string | undefined {
  const code = recordOf(recordOf(answer.json)?.error)?.code
  return typeof code === 'string' ? code.replace(/\s+/g, ' ').slice(0, 100) : undefined
}

function messageOf(answer: HttpAnswer): string {
  const message = recordOf(recordOf(answer.json)?.error)?.message
  return (typeof message === 'string' ? message : answer.text.slice(0, 400)).replace(/\s+/g, ' ').slice(0, 200)
}
