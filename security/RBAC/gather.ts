// Walks the table: before each row what it stands on, then everybody who is to be refused, with a look at what the apps hold after
// each, then the key that opens, then everybody else. Judges nothing.

import { randomBytes } from 'node:crypto'
import type { Gatherer } from '../../harness/check.ts'
import { mapInParallel } from '../../harness/parallel.ts'
import type { Run } from '../../harness/run.ts'
import { assignMember, changeRole, listMembers } from '../../harness/target/conman/apps.ts'
import type { Call } from '../../harness/target/conman/call.ts'
import { recordOf } from '../../harness/target/conman.ts'
import type { HttpAnswer } from '../../harness/target/http.ts'
import { type ActorName, castOf, WORDS } from '../lib/cast.ts'
import { type Probe, recorded, sentBy } from '../lib/probe.ts'
import { changed, type Look, unread, Witness } from '../lib/witness.ts'
import { BODIES, type Body, LISTS, type List, type Scene } from './bodies.ts'
import {
  type BodyEvidence,
  type Cell,
  type ListEvidence,
  type PromotionEvidence,
  type RbacEvidence,
  RbacEvidenceSchema,
  type RowEvidence,
} from './evidence.ts'
import { askersOf, expected, isOutside, keyOf } from './expected.ts'
import { type Ids, ROWS, type Row } from './rows.ts'
import { Stage } from './stage.ts'

/** Each 409 of a gate is asked again when its job has run: real needs three calls before a deployment (HD90). */
const GATE_TRIES_MAX = 6

/** Requests that change nothing may go side by side. */
const WIDTH = 6

/** After this row people try to promote themselves: whoever succeeds would stand in the other rows with a role that is not his. */
const LAST_OF_APP = 'GET /api/apps/{appId}/audit'

const PROMOTED: readonly ActorName[] = [
  'user',
  'lowered',
  'both',
  'reviewer',
  'config_manager',
  'non_member',
  'other_admin',
  'removed',
]

export const rbacGatherer: Gatherer<RbacEvidence> = {
  id: 'RBAC',
  title: 'every route by everybody who might ask, and what changed',
  schema: RbacEvidenceSchema,
  needs: ['http', 'repositories'],
  effect: 'writes',
  apart: true,
  leaves:
    'two apps with ten members, profiles, workspaces, changesets, releases, deployments and a temporary environment',
  expected_s: () => 60,
  async gather(run) {
    return await new Walk(run).take()
  },
}

class Walk {
  readonly #run: Run
  #stage!: Stage
  #witness!: Witness
  readonly #rows: RowEvidence[] = []
  readonly #bodies: BodyEvidence[] = []
  readonly #lists: ListEvidence[] = []
  readonly #promotions: PromotionEvidence[] = []

  constructor(run: Run) {
    this.#run = run
  }

  async take(): Promise<RbacEvidence> {
    const { progress, signal, target } = this.#run
    progress.say('RBAC: people, two apps and what is in them')
    const cast = await castOf(this.#run, { suite: 'rbac' })
    const stage = new Stage(this.#run, cast)
    this.#stage = stage
    this.#witness = new Witness(this.#run, cast.maker.token, () => stage.known())
    await stage.prepare()
    await stage.quiet()
    for (const [index, row] of ROWS.entries()) {
      signal.throwIfAborted()
      progress.update(`RBAC: ${index + 1} of ${ROWS.length} routes`)
      this.#rows.push(await this.#row(row))
      for (const body of BODIES) if (body.after === row.operation) await this.#body(body)
      for (const list of LISTS) if (list.after === row.operation) await this.#list(list)
      if (row.operation === LAST_OF_APP) await this.#promote()
    }
    return {
      schema: 'readiness-rbac/1',
      app: cast.app.id,
      other: stage.other.id,
      rows_read: target.database !== undefined,
      actors: [...cast.actors.keys()],
      absent: [...cast.absent].map(([actor, because]) => ({ actor, because })),
      sessions: [...cast.controls].map(([actor, probe]) => ({ actor, probe })),
      rows: this.#rows,
      bodies: this.#bodies,
      lists: this.#lists,
      promotions: this.#promotions,
    }
  }

  async #row(row: Row): Promise<RowEvidence> {
    const taken: RowEvidence = {
      operation: row.operation,
      cells: [],
      problem: null,
      lists_changed: [],
      lists_unread: [],
      noticed: null,
    }
    try {
      await row.before?.(this.#stage)
      const missing = this.#missing(row)
      if (missing.length > 0) taken.problem = `what it is about was not made: ${missing.join(', ')}`
      else await this.#tryRow(row, taken)
    } catch (cause) {
      this.#run.signal.throwIfAborted()
      taken.problem = cause instanceof Error ? cause.message : String(cause)
    }
    return taken
  }

  /** Ids that the request names and that no earlier row has brought. */
  #missing(row: Row): string[] {
    const missing = new Set<string>()
    const ids = new Proxy(this.#stage.ids as Ids, {
      get(all, name: keyof Ids) {
        if (all[name] === undefined || all[name] === '') missing.add(name)
        return all[name] ?? ''
      },
    })
    row.request(ids, { name: 'user', userId: null }, this.#stage)
    return [...missing]
  }

  async #tryRow(row: Row, taken: RowEvidence): Promise<void> {
    const reads = row.operation.startsWith('GET ')
    let rows = await this.#witness.rows()
    // What only asks is looked at through the rows alone, where they can be read.
    const looks = !reads || rows === null
    // Where rows can be read, of the lists only those that would show what the row does.
    const about = rows === null ? undefined : shownIn(row)
    const lists = looks ? await this.#witness.lists(about) : {}
    const present = askersOf(row).filter((actor) => this.#stage.cast.actors.has(actor))
    const of = (wanted: string) => present.filter((actor) => expected(row, actor) === wanted)

    const refused: (() => Promise<Cell>)[] = [
      ...of('refused').map((actor) => () => this.#cell(row, actor, 'own')),
      ...this.#crossings(row).map((crossing) => () => this.#cell(row, ...crossing)),
    ]
    if (reads) taken.cells.push(...(await mapInParallel(refused, WIDTH, (ask) => ask())))
    else {
      for (const ask of refused) {
        const cell = await ask()
        const now = await this.#witness.rows()
        cell.changed = changedBetween(rows, now)
        rows = now
        taken.cells.push(cell)
      }
    }
    // What only asks can be looked at together: what has changed then, any of them may have done.
    const after = await this.#witness.rows()
    const changes = reads ? changedBetween(rows, after) : []
    if (changes.length > 0) for (const cell of taken.cells) cell.changed = changes
    const listsAfter = looks ? await this.#witness.lists(about) : {}
    taken.lists_changed = changed(lists, listsAfter)
    taken.lists_unread = [...new Set([...unread(lists), ...unread(listsAfter)])]

    const key = keyOf(row)
    const others = [...of('let in'), ...of('either')].filter((actor) => actor !== key)
    if (key !== undefined && present.includes(key)) {
      const cell = await this.#cell(row, key, 'own', async (id) => row.after?.(this.#stage, id))
      taken.cells.push(cell)
      if (!reads) taken.noticed = await this.#noticed(after, listsAfter, about)
    }
    const rest = others.map((actor) => () => this.#cell(row, actor, 'own'))
    taken.cells.push(...(await mapInParallel(rest, reads ? WIDTH : 1, (ask) => ask())))
    if (!reads) await this.#stage.quiet()
    row.leave?.(this.#stage)
  }

  /** Ways around the app in the path. */
  #crossings({ operation, lowest }: Row): [ActorName, Cell['way']][] {
    if (!operation.includes('{appId}')) return []
    const hasChild = /\{(?!appId\})\w+\}/.test(operation)
    const all: [ActorName, Cell['way']][] = [
      ['anonymous', 'unknown-app'],
      ['non_member', 'unknown-app'],
    ]
    if (hasChild && lowest !== 'open') {
      all.push(['other_admin', 'through-other'], ['both', 'through-other'], ['other_admin', 'unknown-child'])
    }
    return all.filter(([actor]) => this.#stage.cast.actors.has(actor))
  }

  async #cell(
    row: Row,
    actor: ActorName,
    way: Cell['way'],
    made?: (id: string | undefined) => Promise<void> | void,
  ): Promise<Cell> {
    const { cast } = this.#stage
    const caller = cast.actors.get(actor)!
    const call = row.request(this.#idsFor(row, actor, way), caller, this.#stage)
    const isControl = made !== undefined
    const answer = await this.#answer(caller.token, call, isControl && row.gated === true)
    if (isControl) await made(idIn(answer))
    const sent = sentBy(call, WORDS[actor], caller.token)
    return {
      actor,
      way,
      probe: recorded(sent, answer, cast.disguise),
      changed: [],
      shows: this.#shows(answer.text, `${sent.path} ${sent.body ?? ''}`, actor),
    }
  }

  async #answer(token: string | undefined, call: Call<unknown>, gated: boolean): Promise<HttpAnswer> {
    const { conman } = this.#run.target
    for (let attempt = 1; ; attempt += 1) {
      const answer = await conman.answer(token, call)
      if (!gated || answer.status !== 409 || attempt === GATE_TRIES_MAX) return answer
      await this.#stage.quiet()
    }
  }

  #idsFor(row: Row, actor: ActorName, way: Cell['way']): Ids {
    const { ids, boths, other } = this.#stage
    const here = { ...ids } as Ids
    switch (way) {
      case 'own':
        return here
      case 'unknown-app':
        return { ...here, appId: unknownId() }
      case 'through-other':
        return { ...here, ...(actor === 'both' && row.own ? boths : {}), appId: other.id }
      case 'unknown-child':
        return {
          ...(Object.fromEntries(Object.keys(here).map((name) => [name, unknownId()])) as unknown as Ids),
          appId: other.id,
        }
    }
  }

  /** What of the app an answer shows that the request did not say. Members may see it; a secret, only who reveals it. */
  #shows(text: string, said: string, actor: ActorName): string[] {
    const { secret, marker, cast } = this.#stage
    const signs: [string, string][] = isOutside(actor)
      ? [[secret, 'the secret'], [marker, 'texts of the app'], [cast.app.id, 'the app'], ...this.#stage.inside()]
      : [[secret, 'the secret']]
    return [...new Set(signs.filter(([sign]) => text.includes(sign) && !said.includes(sign)).map(([, what]) => what))]
  }

  async #noticed(rows: Look | null, lists: Look, about?: RegExp): Promise<{ rows: boolean | null; lists: boolean }> {
    const now = await this.#witness.rows()
    const byRows = rows === null || now === null ? null : changed(rows, now).length > 0
    // One witness that notices suffices.
    return { rows: byRows, lists: byRows !== true && changed(lists, await this.#witness.lists(about)).length > 0 }
  }

  #scene(): Scene | undefined {
    const { ids, boths, elsewhere } = this.#stage
    if (elsewhere === undefined) return undefined
    return { ids: ids as Ids, boths: { ...ids, ...boths } as Ids, own: elsewhere, stage: this.#stage }
  }

  async #body(body: Body): Promise<void> {
    const scene = this.#scene()
    const caller = this.#stage.cast.actors.get(body.who)
    if (scene === undefined || caller === undefined) return
    const id = body.foreign(scene)
    // Without it nothing can be asked; what was not asked is missing from the evidence, and is no pass.
    if (id === undefined || id === '') return
    const ask = async (call: Call<unknown>, gated = false): Promise<{ probe: Probe; answer: HttpAnswer }> => {
      const answer = await this.#answer(caller.token, call, gated)
      return { answer, probe: recorded(sentBy(call, WORDS[body.who], caller.token), answer, this.#stage.cast.disguise) }
    }
    const good = async () => {
      const own = body.good?.(scene)
      const control = own === undefined ? null : (await ask(body.request(scene, own), body.gated)).probe
      await this.#stage.quiet()
      return control
    }
    const before = body.gated ? await good() : null
    const rows = await this.#witness.rows()
    const attack = await ask(body.request(scene, id))
    await this.#stage.quiet()
    const ofApp = changedBetween(rows, await this.#witness.rows())
    const kept = await mapInParallel(body.kept(scene), WIDTH, async (call) => {
      const answer = await this.#run.target.conman.answer(this.#stage.cast.maker.token, call)
      return { what: call.what, readable: answer.status === 200 || answer.status === 404, text: answer.text }
    })
    this.#bodies.push({
      name: body.name,
      attack: attack.probe,
      control: body.gated ? before : await good(),
      kept_in: kept.filter(({ text }) => id !== '' && text.includes(id)).map(({ what }) => what),
      unread: kept.filter(({ readable }) => !readable).map(({ what }) => what),
      changed: ofApp,
    })
  }

  async #list(list: List): Promise<void> {
    const scene = this.#scene()
    const { cast, other } = this.#stage
    const [stranger, admin] = [cast.actors.get('other_admin'), cast.actors.get('app_admin')]
    if (scene === undefined || stranger === undefined || admin === undefined) return
    const ask = async (who: typeof stranger, appId: string) => {
      const call = list.request(appId, scene)
      const sent = sentBy(call, WORDS[who.name], who.token)
      const answer = await this.#run.target.conman.answer(who.token, call)
      // The control is looked through with a stranger's eyes: what a stranger must not see is there to be seen.
      const shows = this.#shows(answer.text, String(sent.path), 'other_admin')
      return { probe: recorded(sent, answer, cast.disguise), shows }
    }
    const [seen, control] = [await ask(stranger, other.id), await ask(admin, cast.app.id)]
    this.#lists.push({
      name: list.name,
      probe: seen.probe,
      shows: seen.shows,
      control: control.probe,
      control_shows: control.shows,
    })
  }

  async #promote(): Promise<void> {
    const { cast } = this.#stage
    const { conman } = this.#run.target
    for (const name of PROMOTED) {
      const actor = cast.actors.get(name)
      if (actor?.userId == null) continue
      const self = actor.userId
      const ways = [
        assignMember(cast.app.id, self, 'app_admin'),
        ...(isOutside(name) ? [] : [changeRole(cast.app.id, 'self', 'app_admin')]),
        changeRole(cast.app.id, self, 'app_admin'),
      ]
      for (const call of ways) {
        const before = await this.#roleOf(self)
        const answer = await conman.answer(actor.token, call)
        this.#promotions.push({
          actor: name,
          operation: `${call.method} ${call.route}${call.path.endsWith('/self') ? ' (self)' : ''}`,
          probe: recorded(sentBy(call, WORDS[name], actor.token), answer, cast.disguise),
          role_before: before,
          role_after: await this.#roleOf(self),
        })
      }
    }
  }

  /** Null: no member. */
  async #roleOf(userId: string): Promise<string | null> {
    const { cast } = this.#stage
    await this.#witness.refresh()
    const members = await this.#run.target.conman.all(cast.maker.token, listMembers(cast.app.id))
    return members.find((member) => member.userId === userId)?.role ?? null
  }
}

/** Names of the lists in which a row's deed would show, by the segment of its route below the app. */
const SHOWN_IN: Readonly<Record<string, RegExp>> = {
  settings: /^settings/,
  members: /^members/,
  invites: /^members/,
  environments: /^(environments|deployments|jobs)/,
  'runtime-profiles': /^profiles/,
  workspaces: /^workspaces/,
  changesets: /^(changeset|comments|overrides|queue|jobs)/,
  queue: /^(changeset|queue)/,
  releases: /^(release|changesets|queue|jobs)/,
  'temp-envs': /^(temporary|jobs)/,
}

function shownIn({ operation }: Row): RegExp {
  const segment = /^\S+ \/api\/apps\/\{appId\}\/([^/]+)/.exec(operation)?.[1]
  return SHOWN_IN[segment ?? ''] ?? /^(settings|members)/
}

function changedBetween(before: Look | null, after: Look | null): string[] {
  return before === null || after === null ? [] : changed(before, after)
}

function unknownId(): string {
  return randomBytes(12).toString('hex')
}

/** Of what an answer says was made: itself, or the one thing that it stands in. */
function idIn({ json }: HttpAnswer): string | undefined {
  const data = recordOf(recordOf(json)?.data)
  const inner = ['changeset', 'release', 'invite', 'comment', 'temp_env', 'workspace', 'deployment'].map((name) =>
    recordOf(data?.[name]),
  )
  return [data, ...inner].map((one) => one?.id).find((id) => typeof id === 'string')
}
