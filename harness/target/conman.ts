// A client of Conman: sends the calls that the files of conman/ describe, waits where the target limits its rate, asks again
// where a target is known to want that, and counts it. Nothing that a target answers makes it throw anything but a
// ConmanError, or wait for ever. Sends what the real server understands and reads both spellings (contract: http-api,
// chapter 6, column 'tolerate').

import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type App, acceptInvite, createApp, invite, type NewApp, type Role } from './conman/apps.ts'
import type { Call, ListCall } from './conman/call.ts'
import { ConmanError } from './conman/error.ts'
import { recordOf, Undecodable } from './conman/fields.ts'
import { climb, type Gate } from './conman/gates.ts'
import { type Job, type JobType, listJobs } from './conman/jobs.ts'
import type { Made } from './conman/made.ts'
import { health, login, type Session } from './conman/platform.ts'
import {
  assemble,
  createDraft,
  type Placed,
  type Placement,
  place,
  publish,
  type Release,
  selectChangesets,
} from './conman/releases.ts'
import { type ClientStatistics, Retries, type RetryReason } from './conman/statistics.ts'
import { type JobWait, waitForJob } from './conman/waiting.ts'
import { listWorkspaces, type Workspace } from './conman/workspaces.ts'
import type { HttpAnswer, HttpClient } from './http.ts'

export type { App, Role } from './conman/apps.ts'
export { ConmanError } from './conman/error.ts'
export { recordOf } from './conman/fields.ts'
export type { Made } from './conman/made.ts'
export type { Session } from './conman/platform.ts'
export type { Workspace } from './conman/workspaces.ts'

export interface Account {
  email: string
  password: string
}

/** How long a paced client waits on 429 in all before it gives up: one window of the longest specified limit and a bit. */
const RATE_LIMIT_WAIT_MS_MAX = 130_000

/** A read whose connection broke is asked again: a restart behind a proxy breaks each connection once. */
const READ_RETRIES = 2
const READ_RETRY_AFTER_MS = 250

/** Waits before the loser of two writes tries again; both have ended by then. */
const WRITE_RETRIES_AFTER_MS = [100, 200, 400]

/** 100,000 rows at 100 a page: beyond that a list has no end. */
const PAGES_MAX = 1_000

export class Conman {
  readonly http: HttpClient
  /** Told what is made, before and after. */
  onMade?: (made: Made) => void
  /** Hears of every answer that is not asked for again. */
  onAnswer?: (call: Call<unknown>, answer: HttpAnswer) => void
  readonly #onWait: (seconds: number) => void
  readonly #signal: AbortSignal | undefined
  readonly #patience_ms: number
  readonly #retries = new Retries()
  #limitedInVain = false

  /**
   * `onWait` hears of each wait that the target's rate limit asks for; one request waits for `patience_ms` in all at most.
   * `signal` ends every request and wait.
   */
  constructor(
    http: HttpClient,
    onWait: (seconds: number) => void = () => {},
    signal?: AbortSignal,
    patience_ms = RATE_LIMIT_WAIT_MS_MAX,
  ) {
    this.http = http
    this.#onWait = onWait
    this.#signal = signal
    this.#patience_ms = patience_ms
  }

  statistics(): ClientStatistics {
    const { requests, by_status } = this.http.tally
    return { schema: 'readiness-client/1', requests, by_status: { ...by_status }, retries: this.#retries.list() }
  }

  /** What the target answers to a call, whatever it is: for a check that judges the answer itself. Obeys rate limits. */
  async answer(token: string | undefined, call: Call<unknown>): Promise<HttpAnswer> {
    return (await this.attempt(token, call)).answer
  }

  /** What the call asks for. Throws ConmanError where the target refuses, is silent, or answers something else. */
  async do<T>(token: string | undefined, call: Call<T>): Promise<T> {
    return (await this.exchange(token, call)).value
  }

  /** What the call asks for, beside the answer that it was read from. Throws as `do` does. */
  async exchange<T>(token: string | undefined, call: Call<T>): Promise<{ answer: HttpAnswer; value: T }> {
    const { answer, value } = await this.attempt(token, call)
    if (value instanceof ConmanError) throw value
    return { answer, value }
  }

  /** What the call asks for, or why not: throws for nothing that a target does. */
  async attempt<T>(token: string | undefined, call: Call<T>): Promise<{ answer: HttpAnswer; value: T | ConmanError }> {
    this.#tell(call, 'intent', () => null)
    return this.#conclude(token, call, await this.#patiently(token, call))
  }

  /** One request, never asked again whatever becomes of it: for whoever keeps a history of each. Throws as `attempt` does. */
  async once<T>(
    token: string | undefined,
    call: Call<T>,
    within_ms: number,
  ): Promise<{ answer: HttpAnswer; value: T | ConmanError }> {
    this.#tell(call, 'intent', () => null)
    return this.#conclude(token, call, await this.#send(token, call, within_ms))
  }

  async #conclude<T>(
    token: string | undefined,
    call: Call<T>,
    answer: HttpAnswer,
  ): Promise<{ answer: HttpAnswer; value: T | ConmanError }> {
    this.onAnswer?.(call, answer)
    const value = await this.#read(token, call, answer)
    if (answer.status >= 200 && answer.status <= 299) {
      this.#tell(call, 'made', ({ idOf }) => (value instanceof ConmanError ? null : idOf(value)))
    } else if (answer.status >= 400 && answer.status <= 499) this.#tell(call, 'refused', () => null)
    return { answer, value }
  }

  /** All rows of a list, page by page, and of these only those that the call's filter means. */
  async all<T>(token: string | undefined, call: ListCall<T>): Promise<T[]> {
    const rows: T[] = []
    for await (const page of this.#pages(token, call)) rows.push(...page)
    return rows
  }

  /** The first of these rows, and no page beyond it: the newest where the list begins with that. */
  async first<T>(token: string | undefined, call: ListCall<T>): Promise<T | undefined> {
    for await (const [row] of this.#pages(token, call)) if (row !== undefined) return row
    return undefined
  }

  async *#pages<T>(token: string | undefined, call: ListCall<T>): AsyncGenerator<T[]> {
    let seen = 0
    let before = ''
    for (let page = 1; ; page += 1) {
      const query = { ...call.query, page: String(page), limit: '100' }
      const { answer, value } = await this.exchange(token, { ...call, query })
      yield value.filter((row) => call.keeps?.(row) ?? true)
      seen += value.length
      const total = recordOf(recordOf(answer.json)?.pagination)?.total
      if (typeof total !== 'number' || seen >= total || value.length === 0) return
      if (answer.text === before) throw new ConmanError(call.what, answer, `page ${page} is page ${page - 1} once more`)
      if (page === PAGES_MAX) throw new ConmanError(call.what, answer, `the list does not end after ${page} pages`)
      before = answer.text
    }
  }

  /** How many rows a list has. Told by the target where it filters, which shows by its having fewer of them than all. */
  async count(token: string | undefined, call: ListCall<unknown>): Promise<number> {
    const total = async (query: Call<unknown>['query']) => {
      const { answer } = await this.exchange(token, { ...call, query: { ...query, limit: '1' } })
      return recordOf(recordOf(answer.json)?.pagination)?.total
    }
    const [filtered, unfiltered] = [await total(call.query), await total({})]
    return typeof filtered === 'number' && typeof unfiltered === 'number' && filtered < unfiltered
      ? filtered
      : (await this.all(token, call)).length
  }

  async health(): Promise<HttpAnswer> {
    return this.answer(undefined, health())
  }

  async login(email: string, password: string): Promise<Session> {
    return this.do(undefined, login(email, password))
  }

  /** A new session, because roles may be frozen in the old one's token (HD3). */
  async loginAgain({ email, password }: Account): Promise<Session> {
    this.#retries.add('login again', 0)
    return this.login(email, password)
  }

  /** Makes an app; the session that comes back knows that the account is its admin. */
  async createApp(account: Account & { token: string }, app: NewApp): Promise<{ app: App; session: Session }> {
    const made = await this.do(account.token, createApp(app))
    return { app: made, session: await this.loginAgain(account) }
  }

  /** Invites and accepts at once, which is how a person joins: the answer is a session of the new member. */
  async join(
    adminToken: string,
    appId: string,
    person: { email: string; name: string; password: string; role: Role },
  ): Promise<Session> {
    const inviting = invite(appId, person.email, person.role)
    const { answer, value } = await this.exchange(adminToken, inviting)
    if (value.token === null) throw new ConmanError(inviting.what, answer, 'the answer has no token to accept it with')
    return this.do(undefined, acceptInvite({ ...person, token: value.token }, { appId, email: person.email }))
  }

  /** The caller's default workspace; Conman makes it on the first listing. */
  async defaultWorkspace(token: string, appId: string): Promise<Workspace> {
    const call = listWorkspaces(appId)
    this.onMade?.({ kind: 'workspace', name: null, id: null, app_id: appId, phase: 'intent' })
    const { answer, value } = await this.exchange(token, call)
    const workspace = value.find((candidate) => candidate.isDefault) ?? value[0]
    if (!workspace) throw new ConmanError(call.what, answer, 'the caller has none, and the target made none')
    this.onMade?.({ kind: 'workspace', name: workspace.branch, id: workspace.id, app_id: appId, phase: 'made' })
    return workspace
  }

  /** A draft release of these queued changesets, in this order. */
  async createRelease(token: string, appId: string, changesetIds: readonly string[]): Promise<Release> {
    const { id } = await this.do(token, createDraft(appId))
    return this.do(token, selectChangesets(appId, id, changesetIds))
  }

  /** Assembles and waits for it. The job as last seen: `succeeded` when all is well. */
  async assemble(token: string, appId: string, releaseId: string, wait: JobWait = {}): Promise<Job> {
    const job = await this.do(token, assemble(appId, releaseId))
    return this.jobEnded(token, appId, job ?? { type: 'release_assemble', entityId: releaseId }, wait)
  }

  /** Publishes, through the gate that some targets put before it (HD83). */
  async publish(token: string, appId: string, releaseId: string, wait: JobWait = {}): Promise<Release> {
    const gates: Gate[] = [
      { type: 'release_assemble', entityId: releaseId },
      { type: 'msuite_merge', entityId: releaseId },
    ]
    return this.#throughGates(token, appId, publish(appId, releaseId), gates, wait)
  }

  /** Deploys or promotes, through the two gates before it (HD90). */
  async deploy(
    token: string,
    appId: string,
    action: 'deploy' | 'promote',
    placement: Placement,
    wait: JobWait = {},
  ): Promise<Placed> {
    const gates: Gate[] = [
      { type: 'runtime_profile_drift_check', entityId: placement.environmentId },
      { type: 'msuite_deploy', entityId: `${placement.environmentId}:${placement.releaseId}` },
    ]
    return this.#throughGates(token, appId, place(action, appId, placement), gates, wait)
  }

  /** The newest job of a kind for one thing; undefined where there is none. */
  async newestJob(token: string, appId: string, type: JobType, entityId: string): Promise<Job | undefined> {
    return this.first(token, listJobs(appId, { type, entityId }))
  }

  /**
   * Waits for a job, or for the newest of a kind where the answer that began it did not carry one (HD65). Returns it as
   * last seen: whether it is over, and how, its state says. Bounded: by `within_ms`, or else by the job's own time-out
   * and a second for each job that was queued before it.
   */
  async jobEnded(
    token: string,
    appId: string,
    job: Job | { type: JobType; entityId: string },
    wait: JobWait = {},
  ): Promise<Job> {
    return waitForJob(this, token, appId, job, { signal: this.#signal, ...wait })
  }

  #throughGates<T>(token: string, appId: string, call: Call<T>, gates: readonly Gate[], wait: JobWait): Promise<T> {
    return climb({
      attempt: () => this.do(token, call),
      newest: async ({ type, entityId }) => this.newestJob(token, appId, type, entityId),
      ended: (job) => this.jobEnded(token, appId, job, wait),
      pause: (ms) => this.#pause(ms),
      retried: (waited_ms) => this.#retries.add('gate job', waited_ms),
      gates,
    })
  }

  async #read<T>(token: string | undefined, call: Call<T>, answer: HttpAnswer): Promise<T | ConmanError> {
    if (answer.status < 200 || answer.status > 299) return new ConmanError(call.what, answer)
    const data = recordOf(answer.json)?.data ?? undefined
    try {
      if (data === undefined && call.lookUp !== undefined) {
        const found = await call.lookUp((list) => this.all(token, list))
        if (found !== undefined) return found
      }
      return call.decode(data)
    } catch (cause) {
      if (cause instanceof ConmanError) return cause
      if (cause instanceof Undecodable) return new ConmanError(call.what, answer, cause.message)
      throw cause
    }
  }

  #tell<T>(
    call: Call<T>,
    phase: Made['phase'],
    idOf: (making: NonNullable<Call<T>['makes']>[number]) => string | null,
  ) {
    for (const making of call.makes ?? []) {
      const { kind, name, app_id } = making
      this.onMade?.({ kind, name, id: idOf(making), app_id, phase })
    }
  }

  async #send(token: string | undefined, call: Call<unknown>, within_ms?: number): Promise<HttpAnswer> {
    const query = new URLSearchParams(call.query).toString()
    const path = query === '' ? call.path : `${call.path}?${query}`
    return this.http.request(call.method, path, {
      ...(token === undefined ? {} : { token }),
      // Most routes of real want a JSON body, be it an empty one (http-api §1.9).
      ...(call.method === 'GET' ? {} : { body: call.body ?? {} }),
      ...(call.rawBody === undefined ? {} : { rawBody: call.rawBody }),
      ...(call.headers === undefined ? {} : { headers: call.headers }),
      ...(within_ms === undefined ? {} : { within_ms }),
      signal: this.#signal,
    })
  }

  /** A request that waits where the target says 429: limits are obeyed, not fought. */
  async #patiently(token: string | undefined, call: Call<unknown>): Promise<HttpAnswer> {
    const again = { '429': 0, '502 on a write': 0, 'no answer': 0 } as Record<RetryReason, number>
    let limited_ms = 0
    for (;;) {
      const answer = await this.#send(token, call)
      const retry = this.#retryOf(call, answer, again, limited_ms)
      if (retry === undefined) return answer
      again[retry.reason] += 1
      if (retry.reason === '429') {
        limited_ms += retry.wait_ms
        this.#onWait(Math.ceil(retry.wait_ms / 1_000))
      }
      this.#retries.add(retry.reason, retry.wait_ms)
      await this.#pause(retry.wait_ms)
    }
  }

  /** Ends with the abort's own reason, which says more than the timer's. */
  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#signal }).catch(() => this.#signal?.throwIfAborted())
  }

  #retryOf(
    call: Call<unknown>,
    answer: HttpAnswer,
    again: Readonly<Record<RetryReason, number>>,
    limited_ms: number,
  ): { reason: RetryReason; wait_ms: number } | undefined {
    if (answer.status === 429) {
      const wait_ms = retryAfterMs(answer)
      // A target that once let a whole wait go by in vain is asked once from then on, until it answers something else.
      if (!this.#limitedInVain && limited_ms + wait_ms <= this.#patience_ms) return { reason: '429', wait_ms }
      this.#limitedInVain = true
      return undefined
    }
    this.#limitedInVain = false
    const wait_ms = WRITE_RETRIES_AFTER_MS[again['502 on a write']]
    if (answer.status === 502 && call.retriesBadGateway && wait_ms !== undefined)
      return { reason: '502 on a write', wait_ms }
    if (answer.failed === 'connection' && call.method === 'GET' && again['no answer'] < READ_RETRIES)
      return { reason: 'no answer', wait_ms: READ_RETRY_AFTER_MS }
    return undefined
  }
}

/** Retry-After in seconds, else the window's end in X-RateLimit-Reset, else a second. Bounded: the header is the target's. */
export function retryAfterMs(answer: HttpAnswer): number {
  const retryAfter = Number(answer.headers['retry-after'])
  if (Number.isFinite(retryAfter) && retryAfter > 0) return Math.min(Math.max(retryAfter * 1_000, 100), 65_000)
  const reset = Number(answer.headers['x-ratelimit-reset'])
  if (Number.isFinite(reset) && reset > 0) return Math.min(Math.max(reset * 1_000 - Date.now(), 500), 65_000)
  return 1_000
}

export function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}
