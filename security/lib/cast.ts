// The people of a suite: everybody who might stand before a door, each with users and apps that are the suite's own. For each
// there is a control: a request which shows that his session is good, so that being refused says something about his rights.

import { mapInParallel } from '../../harness/parallel.ts'
import { mailOf } from '../../harness/prefix.ts'
import type { Run } from '../../harness/run.ts'
import {
  assignMember,
  changeRole,
  changeSettings,
  listMembers,
  readApp,
  removeMember,
} from '../../harness/target/conman/apps.ts'
import type { Call } from '../../harness/target/conman/call.ts'
import { type App, ConmanError, type Role } from '../../harness/target/conman.ts'
import { signToken } from '../../harness/target/jwt-secret.ts'
import { joinOverHttp, seedApp } from '../../seed/apps.ts'
import { passwordOf } from '../../seed/people.ts'
import { Disguise, type Probe, recorded, sentBy } from './probe.ts'

/** Everybody, with his place in `app` and in `other`; a role is a member of `app` only. */
const PLACES = {
  anonymous: {},
  /** Somebody whose token has ended an hour ago. */
  expired: { app: 'app_admin' },
  /** On the target nobody has an account without an app: this one is another app's user. */
  non_member: { other: 'user' },
  other_admin: { other: 'app_admin' },
  /** Was an app_admin when his token was made. */
  removed: { app: 'app_admin' },
  /** Was an app_admin when his token was made, and is a user now. */
  lowered: { app: 'app_admin' },
  user: { app: 'user' },
  /** A user here who rules another app. */
  both: { app: 'user', other: 'app_admin' },
  reviewer: { app: 'reviewer' },
  config_manager: { app: 'config_manager' },
  app_admin: { app: 'app_admin' },
  /** A member about whom others ask. */
  bystander: { app: 'user' },
} as const satisfies Record<string, { app?: Role; other?: Role }>

export type ActorName = keyof typeof PLACES
export const ACTOR_NAMES = Object.keys(PLACES) as ActorName[]

/** For sentences: ‘… is refused’. */
export const WORDS: Readonly<Record<ActorName, string>> = {
  anonymous: 'somebody without a token',
  expired: 'somebody with an expired token',
  non_member: 'a non-member',
  other_admin: 'another app’s admin',
  removed: 'a removed member',
  lowered: 'an admin who was made a user',
  user: 'a user',
  both: 'a user who is another app’s admin',
  reviewer: 'a reviewer',
  config_manager: 'a config manager',
  app_admin: 'an app admin',
  bystander: 'a bystander',
}

export interface Actor {
  name: ActorName
  /** Null without an account. */
  userId: string | null
  email: string | null
  /** What he logs in with; null where he cannot. */
  password: string | null
  token: string | undefined
}

export interface Cast {
  app: App
  /** Absent where nobody of the cast is of another app. */
  other: App | undefined
  /** The target's admin, who made both and is app_admin of both. */
  maker: { token: string; userId: string }
  actors: ReadonlyMap<ActorName, Actor>
  /** Who could not be made, and why. */
  absent: ReadonlyMap<ActorName, string>
  /** What shows that an actor's session is, or was, good. */
  controls: ReadonlyMap<ActorName, Probe>
  /** Knows every token and password of the cast. */
  disguise: Disguise
}

export interface CastOptions {
  /** Names the apps and the people: one a suite. */
  suite: string
  /** Who is needed; everybody when nothing is said. */
  names?: readonly ActorName[]
}

const HOUR_S = 3_600

export async function castOf(run: Run, { suite, names = ACTOR_NAMES }: CastOptions): Promise<Cast> {
  return await new Casting(run, suite, names).make()
}

interface Someone {
  name: ActorName
  email: string
  person: { email: string; name: string; password: string }
  app?: Role
  other?: Role
}

class Casting {
  readonly #run: Run
  readonly #suite: string
  readonly #names: readonly ActorName[]
  readonly #actors = new Map<ActorName, Actor>()
  readonly #absent = new Map<ActorName, string>()
  readonly #controls = new Map<ActorName, Probe>()
  readonly #disguise = new Disguise()

  constructor(run: Run, suite: string, names: readonly ActorName[]) {
    this.#run = run
    this.#suite = suite
    this.#names = names
  }

  async make(): Promise<Cast> {
    const { admin, conman } = this.#run.target
    this.#disguise.hide(admin.password, 'CONMAN_ADMIN_PASSWORD')
    const people = this.#names.filter((name) => name !== 'anonymous').map((name) => this.#someone(name))
    const { app } = await seedApp(this.#run, `${this.#run.prefix}-${this.#suite}`)
    const other = people.some((one) => one.other !== undefined)
      ? (await seedApp(this.#run, `${this.#run.prefix}-${this.#suite}-other`)).app
      : undefined
    // One session that knows both apps, where roles are frozen in a token (HD3).
    const maker = await conman.login(admin.email, admin.password)
    this.#disguise.hide(maker.token, 'TOKEN_MAKER')

    await this.#join(app, maker.token, people, 'app')
    if (other !== undefined) await this.#join(other, maker.token, people, 'other')
    if (this.#names.includes('anonymous')) {
      this.#actors.set('anonymous', { name: 'anonymous', userId: null, email: null, password: null, token: undefined })
    }
    await mapInParallel([...this.#actors.values()], 4, (actor) => this.#control(actor, app, other))
    await this.#remove(app, maker.token)
    await this.#lower(app, maker.token)
    await this.#expire(app)
    return {
      app,
      other,
      maker,
      actors: this.#actors,
      absent: this.#absent,
      controls: this.#controls,
      disguise: this.#disguise,
    }
  }

  #someone(name: ActorName): Someone {
    const { prefix, target } = this.#run
    const email = mailOf(prefix, `${this.#suite}-${name.replaceAll('_', '-')}`)
    // Rows that are written directly carry the admin's own hash (fixtures.ts).
    const password = this.#direct === undefined ? passwordOf(email, target.admin.password) : target.admin.password
    return { name, email, person: { email, name: `Readiness ${this.#suite} ${name}`, password }, ...PLACES[name] }
  }

  get #direct() {
    return this.#run.seedOver === 'database' ? this.#run.target.fixtures : undefined
  }

  /** The later of two joinings gives a session that knows both. */
  async #join(app: App, token: string, people: readonly Someone[], where: 'app' | 'other'): Promise<void> {
    const { conman, handedOver } = this.#run.target
    const joining = people.flatMap((one) => (one[where] === undefined ? [] : [{ ...one, role: one[where] }]))
    const members = joining.map(({ person, role }) => ({ ...person, role }))
    const sessions = this.#direct
      ? await this.#direct.members(app, members)
      : await joinOverHttp(this.#run, app, token, members)
    for (const [index, { name, email, person, role }] of joining.entries()) {
      const before = this.#actors.get(name)
      let session = sessions[index]!
      if (before !== undefined) {
        const roles = { [app.id]: role, ...this.#placesOf(name, app) }
        const secret = handedOver?.jwtSecret
        session =
          this.#direct !== undefined && secret !== undefined
            ? { ...session, token: signToken(secret, { ...session, roles }) }
            : await conman.login(email, person.password)
      }
      this.#actors.set(name, { name, userId: session.userId, email, password: person.password, token: session.token })
      this.#disguise.hide(session.token, `TOKEN_${name.toUpperCase()}`)
      this.#disguise.hide(person.password, `PASSWORD_${name.toUpperCase()}`)
      this.#placed.set(name, { ...this.#placed.get(name), [app.id]: role })
    }
  }

  readonly #placed = new Map<ActorName, Record<string, Role>>()

  #placesOf(name: ActorName, app: App): Record<string, Role> {
    const { [app.id]: _, ...others } = this.#placed.get(name) ?? {}
    return others
  }

  /** Where his place is highest: what only an app_admin may, or reading the app. */
  async #control({ name, token }: Actor, app: App, other: App | undefined): Promise<void> {
    if (token === undefined) return
    const { app: here, other: there }: { app?: Role; other?: Role } = PLACES[name]
    const [where, role] = there !== undefined && other !== undefined ? [other, there] : [app, here]
    const call = role === 'app_admin' ? changeSettings(where.id, {}) : readApp(where.id)
    this.#controls.set(name, await this.probe(call, name, token))
  }

  async probe(call: Call<unknown>, name: ActorName, token: string | undefined): Promise<Probe> {
    const answer = await this.#run.target.conman.answer(token, call)
    return recorded(sentBy(call, WORDS[name], token), answer, this.#disguise)
  }

  /** In the database where that is ours; by a route where the target has one. */
  async #remove(app: App, token: string): Promise<void> {
    const removed = this.#actors.get('removed')
    if (removed?.userId == null) return
    const { conman, fixtures } = this.#run.target
    if (await fixtures?.removeMember(app, removed.userId)) return
    const { answer } = await conman.attempt(token, removeMember(app.id, removed.userId))
    if (answer.status >= 200 && answer.status <= 299) {
      const members = await conman.all(token, listMembers(app.id))
      if (!members.some(({ userId }) => userId === removed.userId)) return
    }
    this.#leave('removed', 'a member can be removed by no route of this target, and its database is not ours to write')
  }

  /** The route that the specification names, else the one that real has (HD39). */
  async #lower(app: App, token: string): Promise<void> {
    const lowered = this.#actors.get('lowered')
    if (lowered?.userId == null) return
    const { conman } = this.#run.target
    for (const call of [changeRole, assignMember]) {
      const { value } = await conman.attempt(token, call(app.id, lowered.userId, 'user'))
      if (!(value instanceof ConmanError)) return
      if (value.status !== 404 && value.status !== 405) break
    }
    this.#leave('lowered', 'no role could be taken away by PATCH or POST of a member')
  }

  /** The twin of a token that is accepted, made two hours ago for one hour. */
  async #expire(app: App): Promise<void> {
    const expired = this.#actors.get('expired')
    if (expired?.userId == null || expired.email === null) return
    const secret = this.#run.target.handedOver?.jwtSecret
    if (secret === undefined) {
      this.#leave('expired', 'a token can be signed in the past only with the secret of the target')
      return
    }
    const owner = { userId: expired.userId, email: expired.email, roles: { [app.id]: 'app_admin' } }
    const twin = signToken(secret, owner)
    this.#disguise.hide(twin, 'TOKEN_FRESH_TWIN')
    this.#controls.set('expired', await this.probe(changeSettings(app.id, {}), 'expired', twin))
    const issued_s = Math.floor(Date.now() / 1_000) - 2 * HOUR_S
    const token = signToken(secret, owner, { issued_s, valid_s: HOUR_S })
    this.#disguise.hide(token, 'TOKEN_EXPIRED')
    this.#actors.set('expired', { ...expired, token })
  }

  #leave(name: ActorName, because: string): void {
    this.#actors.delete(name)
    this.#absent.set(name, because)
  }
}
