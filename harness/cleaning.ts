// Takes away from a target what a run made on it, as far as its API can, and says what stays. What a run made is known twice:
// by its ledger (made.jsonl), and by its prefix, for an answer may have been lost. Nothing that is neither is touched.

import { passwordOf } from '../seed/people.ts'
import { carries, isMailOf, isOfSomeRun } from './prefix.ts'
import { type App, listApps, listMembers, removeMember, revokeInvite } from './target/conman/apps.ts'
import { type Changeset, listChangesets, review } from './target/conman/changesets.ts'
import { login } from './target/conman/platform.ts'
import { deleteTemporary, listTemporary, type TemporaryEnvironment } from './target/conman/temporary-environments.ts'
import { type Account, type Conman, ConmanError, recordOf } from './target/conman.ts'
import type { HttpAnswer } from './target/http.ts'
import type { MadeLine } from './target/made.ts'

export interface Thing {
  kind: string
  id: string | null
  name: string | null
  app_id: string | null
}

export interface Cleaning {
  /** Gone now; with `dryRun`, what would go. */
  removed: Thing[]
  /** Could go, and did not. */
  failed: (Thing & { because: string })[]
  /** What the API has no way for. */
  stays: (Thing & { because: string })[]
}

export interface RunMade {
  prefix: string
  lines: readonly MadeLine[]
}

/**
 * What the specification has no route for; real has even less (contract: http-api §2.15, §3.2). Who has the database or the
 * repositories finds it by its id in the collection, or by its name, that stands in brackets (data-and-runtime §1.3).
 */
const WITHOUT_A_ROUTE: Readonly<Record<string, string>> = {
  app: 'an app cannot be deleted over the API (apps)',
  repository: 'a repository cannot be deleted over the API (git storage)',
  user: 'an account cannot be deleted over the API (users, app_memberships)',
  workspace: 'a workspace and its branch cannot be deleted over the API (workspaces, git storage)',
  changeset: 'only one that waits for its review can be closed over the API (changesets)',
  release: 'a release and its tag cannot be deleted over the API (release_batches, git storage)',
  deployment: 'a deployment is a record, and stays (deployments)',
  environment: 'environments go only by being replaced; their app stays anyway (environments)',
  profile: 'a runtime profile cannot be deleted over the API (runtime_profiles)',
  comment: 'a comment cannot be deleted over the API (changeset_comments)',
  'audit rows': 'they are there to stay (audit_events)',
}

/** Of these a list was read, and by it each is known: a lost answer leaves nothing open. */
const LISTED = new Set(['app', 'member', 'changeset', 'temp-env'])

const REVIEWABLE = ['submitted', 'in_review', 'changes_requested']
const TEMPORARY_ENDED = ['deleted', 'expired']

export interface CleaningOptions {
  conman: Conman
  admin: Account
  made: RunMade
  dryRun: boolean
  onProgress: (line: string) => void
}

/** Idempotent: what is gone already is neither removed nor failed. Throws ConmanError only where the admin's own lists fail. */
export async function clean(options: CleaningOptions): Promise<Cleaning> {
  const { conman, admin, made, onProgress } = options
  const { token } = await conman.login(admin.email, admin.password)
  const cleaning: Cleaning = { removed: [], failed: [], stays: [] }
  const ids = idsIn(made.lines)
  const apps = (await conman.all(token, listApps())).filter((app) => isOfRun(app, made, ids))
  for (const app of apps) {
    onProgress(`looking through ${app.name}`)
    await new AppCleaner(options, cleaning, token, app, ids).clean()
  }
  remaining(cleaning, made, apps)
  return cleaning
}

/** One that carries the prefix, or another run's whose repository was used again. Never anybody else's, whatever the ledger says. */
function isOfRun(app: App, { prefix, lines }: RunMade, ids: Ids): boolean {
  if (carries(prefix, app.name)) return true
  return isOfSomeRun(app.name) && (ids.of('app').has(app.id) || lines.some(({ app_id }) => app_id === app.id))
}

class AppCleaner {
  readonly #options: CleaningOptions
  readonly #cleaning: Cleaning
  readonly #adminToken: string
  readonly #app: App
  readonly #ids: Ids
  readonly #tokens = new Map<string, string>()

  constructor(options: CleaningOptions, cleaning: Cleaning, adminToken: string, app: App, ids: Ids) {
    this.#options = options
    this.#cleaning = cleaning
    this.#adminToken = adminToken
    this.#app = app
    this.#ids = ids
  }

  async clean(): Promise<void> {
    const { conman } = this.#options
    const { id: appId } = this.#app
    const members = await conman.all(this.#adminToken, listMembers(appId))
    const ours = members.filter(({ email }) => email !== null && isMailOf(this.#options.made.prefix, email))
    const emailOf = new Map(ours.map(({ userId, email }) => [userId, email!]))
    await this.#temporaryEnvironments(emailOf)
    await this.#changesets(emailOf)
    await this.#invites(new Set(members.map(({ email }) => email)))
    for (const { userId, email } of ours) {
      await this.#attempt({ kind: 'member', id: userId, name: email, app_id: appId }, this.#adminToken, () =>
        removeMember(appId, userId),
      )
    }
  }

  /** What its ledger names, or one of its people made. Others may have been let into its app, or have used it again. */
  #isOfRun(kind: string, id: string, person: string | null, emailOf: ReadonlyMap<string, string>): boolean {
    return this.#ids.of(kind).has(id) || (person !== null && emailOf.has(person))
  }

  async #temporaryEnvironments(emailOf: ReadonlyMap<string, string>): Promise<void> {
    const { conman } = this.#options
    const appId = this.#app.id
    const there = await this.#list(() => conman.all(this.#adminToken, listTemporary(appId)))
    for (const one of there.filter(({ state }) => !ended(state))) {
      if (!this.#isOfRun('temp-env', one.id, one.ownerId, emailOf)) continue
      const thing = { kind: 'temp-env', id: one.id, name: one.sourceId, app_id: appId }
      const email = one.ownerId === null ? undefined : emailOf.get(one.ownerId)
      // Some targets let only its owner delete one (HD104).
      const token = email === undefined || this.#options.dryRun ? this.#adminToken : await this.#tokenOf(email)
      await this.#attempt(thing, token, () => deleteTemporary(appId, one.id))
    }
  }

  async #changesets(emailOf: ReadonlyMap<string, string>): Promise<void> {
    const { conman } = this.#options
    const appId = this.#app.id
    const there = await this.#list(() => conman.all(this.#adminToken, listChangesets(appId)))
    for (const { id, title, state, authorUserId } of there) {
      if (!this.#isOfRun('changeset', id, authorUserId, emailOf)) continue
      const thing = { kind: 'changeset', id, name: title, app_id: appId }
      if (REVIEWABLE.includes(state)) await this.#attempt(thing, this.#adminToken, () => review(appId, id, 'reject'))
      else if (!isClosed(state))
        this.#cleaning.stays.push({ ...thing, because: `it is ${state}: ${WITHOUT_A_ROUTE.changeset}` })
    }
  }

  /** No route lists them: those of the ledger that nobody has accepted. */
  async #invites(members: ReadonlySet<string | null>): Promise<void> {
    const appId = this.#app.id
    const open = this.#options.made.lines.filter(
      ({ kind, phase, app_id, name }) =>
        kind === 'invite' && phase === 'made' && app_id === appId && name !== null && !members.has(name),
    )
    for (const { id, name } of open) {
      const thing = { kind: 'invite', id, name, app_id: appId }
      if (id === null) this.#cleaning.stays.push({ ...thing, because: 'the target did not tell its id' })
      else await this.#attempt(thing, this.#adminToken, () => revokeInvite(appId, id))
    }
  }

  async #attempt(thing: Thing, token: string, call: () => Parameters<Conman['attempt']>[1]): Promise<void> {
    const { removed, failed, stays } = this.#cleaning
    if (this.#options.dryRun) {
      removed.push(thing)
      return
    }
    const { answer, value } = await this.#options.conman.attempt(token, call())
    if (!(value instanceof ConmanError)) removed.push(thing)
    else if (isGone(answer)) return
    else if (isWithoutRoute(answer)) stays.push({ ...thing, because: `this target has no route for it` })
    else failed.push({ ...thing, because: value.message })
  }

  /** A list that the target does not have is an empty one. */
  async #list<T>(read: () => Promise<T[]>): Promise<T[]> {
    try {
      return await read()
    } catch (cause) {
      if (cause instanceof ConmanError && (cause.status === 404 || cause.status === 405)) return []
      throw cause
    }
  }

  async #tokenOf(email: string): Promise<string> {
    const { conman, admin } = this.#options
    const known = this.#tokens.get(email)
    if (known !== undefined) return known
    const { value } = await conman.attempt(undefined, login(email, passwordOf(email, admin.password)))
    const token = value instanceof ConmanError ? this.#adminToken : value.token
    this.#tokens.set(email, token)
    return token
  }
}

/** What no route removes, once each, with what is known of it; then what may have been made, for nobody was told. */
function remaining({ removed, stays }: Cleaning, { lines, prefix }: RunMade, apps: readonly App[]): void {
  const told = new Set([...removed, ...stays].map(keyOf))
  const tell = (thing: Thing, because: string) => {
    if (told.has(keyOf(thing))) return
    told.add(keyOf(thing))
    stays.push({ ...thing, because })
  }
  const ofApps = apps.flatMap(({ id, name, repoPath }): Thing[] => [
    ...(carries(prefix, name)
      ? [
          { kind: 'app', id, name, app_id: null },
          { kind: 'repository', id: null, name: repoPath, app_id: id },
        ]
      : []),
    { kind: 'audit rows', id: null, name, app_id: id },
  ])
  const made = lines.filter(({ phase }) => phase === 'made').map(thingOf)
  for (const thing of [...ofApps, ...made]) {
    const because = WITHOUT_A_ROUTE[thing.kind]
    if (because !== undefined && thing.kind !== 'changeset') tell(thing, because)
  }
  for (const line of unanswered(lines)) {
    if (!LISTED.has(line.kind)) tell(thingOf(line), 'no answer told whether it was made, and no list of the API does')
  }
}

function thingOf({ kind, id, name, app_id }: MadeLine): Thing {
  return { kind, id, name, app_id }
}

/** Intents without an end. The end of one that had no name yet brings it: a default workspace is known by its branch only then. */
export function unanswered(lines: readonly MadeLine[]): MadeLine[] {
  const open: MadeLine[] = []
  for (const line of lines) {
    if (line.phase === 'intent') {
      open.push(line)
      continue
    }
    const alike = (name: string | null) =>
      open.findIndex((one) => one.kind === line.kind && one.app_id === line.app_id && one.name === name)
    const exact = alike(line.name)
    const index = exact === -1 ? alike(null) : exact
    if (index !== -1) open.splice(index, 1)
  }
  return open
}

function keyOf({ kind, id, name }: Thing): string {
  return `${kind} ${id ?? name}`
}

function ended(state: TemporaryEnvironment['state']): boolean {
  return TEMPORARY_ENDED.includes(state)
}

function isClosed(state: Changeset['state']): boolean {
  return state === 'released' || state === 'rejected'
}

/** An entity that is not there is named as such; a route that is not there is not (http-api §1.4). */
function isGone(answer: HttpAnswer): boolean {
  if (answer.status === 410) return true
  const message = recordOf(recordOf(answer.json)?.error)?.message
  return answer.status === 404 && typeof message === 'string' && message.startsWith('not found: ')
}

function isWithoutRoute({ status }: HttpAnswer): boolean {
  return status === 404 || status === 405 || status === 501
}

interface Ids {
  of(kind: string): ReadonlySet<string>
}

function idsIn(lines: readonly MadeLine[]): Ids {
  const byKind = new Map<string, Set<string>>()
  for (const { kind, id, phase } of lines) {
    if (phase !== 'made' || id === null) continue
    const known = byKind.get(kind) ?? new Set()
    byKind.set(kind, known.add(id))
  }
  return { of: (kind) => byKind.get(kind) ?? new Set() }
}
