// Takes the steps one after the other and writes down how each ended. A step stands on facts that earlier ones brought; one
// that lacks a fact is skipped, and nothing else is: a step that fails stops only what needs it.

import { setTimeout as delay } from 'node:timers/promises'
import type { Run } from '../../harness/run.ts'
import type { App } from '../../harness/target/conman/apps.ts'
import type { Call, ListCall } from '../../harness/target/conman/call.ts'
import type { Changeset } from '../../harness/target/conman/changesets.ts'
import type { Environment, Profile } from '../../harness/target/conman/environments.ts'
import { saidBy } from '../../harness/target/conman/error.ts'
import type { Job, JobType } from '../../harness/target/conman/jobs.ts'
import type { Release } from '../../harness/target/conman/releases.ts'
import type { TemporaryEnvironment } from '../../harness/target/conman/temporary-environments.ts'
import type { Workspace } from '../../harness/target/conman/workspaces.ts'
import { type Conman, ConmanError, type Role, type Session } from '../../harness/target/conman.ts'
import type { HttpAnswer } from '../../harness/target/http.ts'
import type { Target } from '../../harness/target/target.ts'
import type { TakenStep } from './evidence.ts'

/** What steps bring to later ones, by the words that a reader is told when it is missing. */
export interface Facts {
  'a session of the admin': Session
  'the token from before the app was made': string
  'an app': App
  'an invite of a user': string
  'an invite of a reviewer': string
  'an invite of a config manager': string
  'a user': Session
  'a reviewer': Session
  'a config manager': Session
  'an open invite': { id: string; token: string }
  'a revoked invite': string
  'a runtime profile': Profile
  environments: readonly Environment[]
  'a workspace': Workspace
  'a first written file': string
  'a written file': string
  'edits that accumulate': true
  'a changeset': Changeset
  'a comment': string
  'a submitted changeset': Changeset
  'an approved changeset': Changeset
  'a queued changeset': Changeset
  'a draft release': Release
  'an assembled release': Release
  'a published release': Release
  'a deployed release': Release
  'a promoted release': Release
  'a release in every environment': Release
  'a second workspace': Workspace
  'a second written file': string
  'a second changeset': Changeset
  'a second submitted changeset': Changeset
  'a second approved changeset': Changeset
  'a second queued changeset': Changeset
  'a second published release': Release
  'a second deployed release': Release
  'a temporary environment': TemporaryEnvironment
  'an active temporary environment': TemporaryEnvironment
  'a deleted temporary environment': TemporaryEnvironment
}
export type Fact = keyof Facts

export interface Step {
  id: string
  name: string
  /** Not part of what a user walks through. */
  aside?: true
  take(walk: Walk): Promise<void>
}

export interface Part {
  title: string
  steps: readonly Step[]
}

/**
 * Lists and details may be read from a secondary, which can be a moment behind what was written (DC2, decisions C24): what
 * is not there yet is looked for again for so long.
 */
const SEEN_WITHIN_MS = 5_000
const LOOK_EVERY_MS = 100

/** A job that is not done by then is told as such: the flow is walked by a person who waits for it. */
const JOB_WITHIN_MS = 300_000

/** So many steps in a row without an answer, and nobody is there any more: each more would wait for its time-out in vain. */
const SILENT_STEPS_MAX = 3

/** Longer texts of a target are cut: what they are about stands at their beginning. */
const TEXT_MAX = 300

/** The step cannot be taken; says nothing about the target. */
class Skipped extends Error {}

/** The target answered, and what the step is for was not reached. */
class NotReached extends Error {}

/** No answer to a request that was not decoded. */
class NoAnswer extends Error {}

export class Walk {
  readonly conman: Conman
  readonly target: Target
  readonly run: Run
  readonly steps: TakenStep[] = []
  readonly #facts = new Map<Fact, Facts[Fact]>()
  #now: TakenStep | undefined
  #silent = 0

  constructor(run: Run) {
    this.run = run
    this.target = run.target
    this.conman = run.target.conman
  }

  async take(part: string, step: Step): Promise<TakenStep> {
    const taken: TakenStep = {
      id: step.id,
      part,
      name: step.name,
      of_flow: step.aside === undefined,
      method: null,
      route: null,
      status: null,
      duration_ms: null,
      outcome: 'worked',
      reached: true,
      because: null,
      differences: [],
    }
    this.#now = taken
    const started = performance.now()
    try {
      if (this.#silent >= SILENT_STEPS_MAX) this.skip('the target no longer answers')
      await step.take(this)
      if (taken.differences.length > 0) taken.outcome = 'differs'
    } catch (cause) {
      this.run.signal.throwIfAborted()
      taken.reached = false
      taken.because = cut(cause instanceof Error ? cause.message : String(cause))
      taken.outcome = outcomeOf(cause)
    }
    if (taken.method !== null) taken.duration_ms = Math.round((performance.now() - started) * 10) / 10
    // A skipped step asked nothing.
    if (taken.outcome !== 'skipped') this.#silent = taken.outcome === 'no answer' ? this.#silent + 1 : 0
    this.steps.push(taken)
    return taken
  }

  /** What an earlier step brought. Where none did, the step is skipped. */
  the<F extends Fact>(fact: F): Facts[F] {
    const value = this.#facts.get(fact)
    if (value === undefined) throw new Skipped(`it needs ${fact}, and no earlier step brought that`)
    return value as Facts[F]
  }

  has(fact: Fact): boolean {
    return this.#facts.has(fact)
  }

  brings<F extends Fact>(fact: F, value: Facts[F]): void {
    this.#facts.set(fact, value)
  }

  /** The token of who holds a role. */
  as(role: Exclude<Role, 'app_admin'> | 'admin'): string {
    const who = {
      admin: 'a session of the admin',
      user: 'a user',
      reviewer: 'a reviewer',
      config_manager: 'a config manager',
    }
    return this.the(who[role] as 'a user').token
  }

  get appId(): string {
    return this.the('an app').id
  }

  /** What a call asks for; the step ends where the target does not give it. */
  async do<T>(token: string | undefined, call: Call<T>): Promise<T> {
    const { answer, value } = await this.conman.attempt(token, call)
    this.#asked(call, answer)
    if (value instanceof ConmanError) throw value
    if (call.makes !== undefined && call.method === 'POST')
      this.differs('HD15', answer.status === 200 || answer.status === 201, 'HTTP 200 or 201', `HTTP ${answer.status}`)
    return value
  }

  /** Reads until what is wanted is there; what was seen last, where it never is. */
  async see<T>(token: string | undefined, call: Call<T>, is: (value: T) => boolean = () => true): Promise<T> {
    return this.look(() => this.do(token, call), is)
  }

  /** The same for all rows of a list. */
  async seeAll<T>(token: string | undefined, call: ListCall<T>, is: (rows: T[]) => boolean): Promise<T[]> {
    return this.look(() => this.through(call, () => this.conman.all(token, call)), is)
  }

  /** Several requests, again and again until what is wanted is there; what was seen last, where it never is. */
  async look<T>(read: () => Promise<T>, is: (value: T) => boolean): Promise<T> {
    const until = performance.now() + SEEN_WITHIN_MS
    for (;;) {
      const isLast = performance.now() > until
      try {
        const value = await read()
        if (is(value) || isLast) return value
      } catch (cause) {
        if (!(cause instanceof ConmanError) || cause.status === 0 || isLast) throw cause
      }
      await delay(LOOK_EVERY_MS, undefined, { signal: this.run.signal }).catch(() => this.run.signal.throwIfAborted())
    }
  }

  /** What a call asks for, or why not: for a step that notes it and goes on. Where there is no answer, it ends. */
  async attempt<T>(token: string | undefined, call: Call<T>): Promise<{ answer: HttpAnswer; value: T | ConmanError }> {
    const { answer, value } = await this.conman.attempt(token, call)
    this.#answered(call, answer)
    return { answer, value }
  }

  /** What the target answers, whatever it is. */
  async ask(token: string | undefined, call: Call<unknown>): Promise<HttpAnswer> {
    return this.#answered(call, await this.conman.answer(token, call))
  }

  /** Several requests that stand for one: the last that was sent to the route of `call` is the one that is told. */
  async through<T>(call: Call<unknown>, work: () => Promise<T>): Promise<T> {
    this.conman.onAnswer = ({ method, route }, answer) => {
      if (method === call.method && route === call.route) this.#asked(call, answer)
    }
    try {
      return await work()
    } finally {
      delete this.conman.onAnswer
    }
  }

  /** Waits for a job to succeed. */
  async succeeds(token: string, job: Job | { type: JobType; entityId: string }): Promise<void> {
    this.run.progress.update(`CONTRACT: waiting for the job ${job.type}`)
    const ended = await this.conman.jobEnded(token, this.appId, job, { within_ms: JOB_WITHIN_MS })
    if (ended.state === 'succeeded') return
    throw new NotReached(`the job ${ended.type} is ${ended.state}${ended.error === null ? '' : `: ${ended.error}`}`)
  }

  /** Something must be refused, with one of these statuses. */
  async refuses(
    id: string,
    token: string | undefined,
    call: Call<unknown>,
    statuses: readonly number[],
  ): Promise<void> {
    const answer = await this.ask(token, call)
    this.differs(id, statuses.includes(answer.status), `HTTP ${statuses.join(' or ')}`, saidBy(answer))
  }

  /** Notes a difference unless it is as the contract says. */
  differs(id: string, isAsWanted: boolean, wanted: string, got: string): void {
    if (!isAsWanted) this.#now?.differences.push({ id, wanted, got: cut(got) })
  }

  /** The step's end: without this, it is not what it is called. */
  demand(reached: boolean, otherwise: string): void {
    if (!reached) throw new NotReached(otherwise)
  }

  skip(because: string): never {
    throw new Skipped(because)
  }

  note(text: string): void {
    if (this.#now !== undefined) this.#now.because = cut(text)
  }

  #answered(call: Call<unknown>, answer: HttpAnswer): HttpAnswer {
    this.#asked(call, answer)
    if (answer.status === 0) throw new NoAnswer(answer.failure)
    return answer
  }

  #asked({ method, route }: Call<unknown>, { status }: HttpAnswer): void {
    if (this.#now !== undefined) Object.assign(this.#now, { method, route, status })
  }
}

/** An answer of success that is none of Conman's differs: the rest is refused, silent or skipped. */
function outcomeOf(cause: unknown): TakenStep['outcome'] {
  if (cause instanceof Skipped) return 'skipped'
  if (cause instanceof NoAnswer) return 'no answer'
  if (cause instanceof NotReached) return 'refused'
  if (!(cause instanceof ConmanError)) throw cause
  if (cause.status === 0) return 'no answer'
  return cause.status >= 200 && cause.status <= 299 ? 'differs' : 'refused'
}

function cut(text: string): string {
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text
}
