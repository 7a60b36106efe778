// What the rows of the table stand on, brought about over HTTP by the suite's own people, as users would: an app with everything
// that a route can be about, and another app beside it.

import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { HarnessError, TargetFailed } from '../../harness/errors.ts'
import type { Run } from '../../harness/run.ts'
import { comment, createChangeset, listQueue, review, submit } from '../../harness/target/conman/changesets.ts'
import {
  createProfile,
  listEnvironments,
  listProfiles,
  type NewEnvironment,
  setEnvironments,
} from '../../harness/target/conman/environments.ts'
import { hasEnded, listJobs } from '../../harness/target/conman/jobs.ts'
import { createDraft } from '../../harness/target/conman/releases.ts'
import { createWorkspace, writeFile } from '../../harness/target/conman/workspaces.ts'
import type { App, Conman } from '../../harness/target/conman.ts'
import type { ActorName, Cast } from '../lib/cast.ts'
import type { Known } from '../lib/witness.ts'
import type { Ids } from './rows.ts'

/** Real works on one job a second; several of ours may wait for one another. */
const JOBS_END_WITHIN_MS = 120_000
const LOOK_EVERY_MS = 50

/** An app that has no environments yet, as real makes them, gets these. */
const ENVIRONMENTS: readonly NewEnvironment[] = [{ name: 'dev' }, { name: 'qa' }, { name: 'prod', isCanonical: true }]

/** What another app's admin has there himself: for requests that differ from a good one in one id only. */
export interface Elsewhere {
  appId: string
  profileId: string
  environmentId: string
  environments: NewEnvironment[]
  workspaceId: string
  changesetId: string
  commentId: string
  /** No changeset stands on it yet. */
  freeWorkspaceId: string
  /** A draft. */
  releaseId: string
}

export class Stage {
  readonly cast: Cast
  readonly other: App
  /** Stands in every text that is made in the app: whoever is shown it has seen something of the app. */
  readonly marker = `rbac${randomBytes(6).toString('hex')}`
  readonly secretKey: string = 'RBAC_SECRET'
  readonly secret = `secret-${randomBytes(12).toString('hex')}`
  readonly ids: Partial<Ids>
  environments: NewEnvironment[] = []
  /** Ids of the queued changesets, in their order. */
  queued: string[] = []
  /** A reviewer and a config manager. */
  readonly approvers: readonly string[]
  /** Of the user who is another app's admin, in the first app. */
  boths: Partial<Ids> = {}
  elsewhere: Elsewhere | undefined
  #first: string | undefined
  readonly #suffix = randomBytes(4).toString('hex')
  readonly #changesets = new Set<string>()
  readonly #releases = new Set<string>()
  readonly #profiles = new Set<string>()
  readonly #run: Run

  constructor(run: Run, cast: Cast) {
    if (cast.other === undefined) throw new HarnessError('the cast has no other app', 'this is a fault of the harness')
    this.#run = run
    this.cast = cast
    this.other = cast.other
    this.ids = { appId: cast.app.id, bystanderId: this.#idOf('bystander') }
    this.approvers = [this.#idOf('reviewer'), this.#idOf('config_manager')]
    cast.disguise.hide(this.secret, 'A_PROFILE_SECRET')
  }

  get #conman(): Conman {
    return this.#run.target.conman
  }

  /** Names of a run are told from those of others by its prefix, and of an app by the marker. */
  readonly name = (what: string): string => `${this.#run.prefix}-${this.marker}-${what}`

  /** For things of the other app: without the marker. */
  readonly nameElsewhere = (what: string): string => `${this.#run.prefix}-${this.#suffix}-${what}`

  token(name: ActorName): string {
    const token = this.cast.actors.get(name)?.token
    if (token === undefined) throw new TargetFailed(`there is no session of ${name}`, 'see why the actor is absent')
    return token
  }

  #idOf(name: ActorName): string {
    const userId = this.cast.actors.get(name)?.userId
    if (userId == null) throw new TargetFailed(`there is no account of ${name}`, 'see why the actor is absent')
    return userId
  }

  /** What is there before the first row. */
  async prepare(): Promise<void> {
    const { app, maker } = this.cast
    const conman = this.#conman
    await this.#withEnvironments(app.id)
    await this.#withEnvironments(this.other.id)
    const secrets = { [this.secretKey]: this.secret }
    const profile = await conman.do(maker.token, createProfile(app.id, { name: this.name('profile'), secrets }))
    this.ids.profileId = profile.id
    await this.readEnvironments()
    this.ids.workspaceId = (await conman.defaultWorkspace(this.token('user'), app.id)).id

    const both = this.token('both')
    this.boths = await this.#draftOf(both, app.id, this.name('of-both'))
    const there = await this.#draftOf(both, this.other.id, this.nameElsewhere('draft'))
    const remark = await conman.do(both, comment(this.other.id, there.changesetId, 'elsewhere'))
    const free = await conman.do(both, createWorkspace(this.other.id, this.nameElsewhere('free')))
    const draft = await conman.do(both, createDraft(this.other.id))
    const otherProfile = await conman.do(
      maker.token,
      createProfile(this.other.id, {
        name: this.nameElsewhere('profile'),
        secrets: { [this.secretKey]: 'another one' },
      }),
    )
    const environments = await conman.all(maker.token, listEnvironments(this.other.id))
    this.elsewhere = {
      appId: this.other.id,
      profileId: otherProfile.id,
      environmentId: environments[0]!.id,
      environments: environments.map(asNew),
      ...there,
      commentId: remark.id,
      freeWorkspaceId: free.id,
      releaseId: draft.id,
    }
    await this.#readProfiles()
  }

  async #withEnvironments(appId: string): Promise<void> {
    const { maker } = this.cast
    const there = await this.#conman.all(maker.token, listEnvironments(appId))
    if (there.length < 2) await this.#conman.do(maker.token, setEnvironments(appId, ENVIRONMENTS))
  }

  async #draftOf(token: string, appId: string, name: string): Promise<{ workspaceId: string; changesetId: string }> {
    const workspace = await this.#conman.do(token, createWorkspace(appId, name))
    await this.#conman.do(token, writeFile(appId, workspace.id, edit(name)))
    const changeset = await this.#conman.do(token, createChangeset(appId, workspace.id, name))
    if (appId === this.cast.app.id) this.#changesets.add(changeset.id)
    return { workspaceId: workspace.id, changesetId: changeset.id }
  }

  keep(name: keyof Ids, id: string | undefined): void {
    if (id === undefined) return
    this.ids[name] = id
    if (name === 'changesetId') {
      this.#first = id
      this.#changesets.add(id)
    }
    if (name === 'releaseId') this.#releases.add(id)
  }

  /** In their order: some targets give every one a new id whenever one is changed (HD41). */
  async readEnvironments(): Promise<void> {
    const environments = await this.#conman.all(this.cast.maker.token, listEnvironments(this.cast.app.id))
    environments.sort((a, b) => a.position - b.position)
    const [first, second] = environments
    this.environments = environments.map(asNew)
    if (first !== undefined) this.ids.environmentId = first.id
    if (second !== undefined) this.ids.nextEnvironmentId = second.id
  }

  async #readProfiles(): Promise<void> {
    for (const appId of [this.cast.app.id, this.other.id]) {
      const profiles = await this.#conman.all(this.cast.maker.token, listProfiles(appId))
      for (const { id } of profiles) this.#profiles.add(id)
    }
  }

  async writeSomething(): Promise<void> {
    const { workspaceId = '' } = this.ids
    await this.#conman.do(this.token('user'), writeFile(this.cast.app.id, workspaceId, edit(this.name('first'))))
  }

  async submitted(): Promise<void> {
    await this.quiet()
    const jobs = await this.#conman.all(this.cast.maker.token, listJobs(this.cast.app.id, { type: 'msuite_submit' }))
    this.ids.jobId = jobs.find(({ entityId }) => entityId === this.ids.changesetId)?.id ?? jobs[0]?.id ?? ''
  }

  /** A second changeset of the user, which a reviewer has sent back, with a new edit since. */
  async secondSentBack(): Promise<void> {
    const user = this.token('user')
    const appId = this.cast.app.id
    const { workspaceId, changesetId } = await this.#draftOf(user, appId, this.name('second'))
    await this.#conman.do(user, submit(appId, changesetId))
    await this.quiet()
    this.ids.changesetId = changesetId
    await this.sendBack()
    await this.#conman.do(user, writeFile(appId, workspaceId, edit(this.name('second'))))
  }

  async sendBack(): Promise<void> {
    const { changesetId = '' } = this.ids
    await this.#conman.do(this.token('reviewer'), review(this.cast.app.id, changesetId, 'request_changes'))
  }

  firstAgain(): void {
    if (this.#first !== undefined) this.ids.changesetId = this.#first
  }

  async readQueue(): Promise<void> {
    const call = listQueue(this.cast.app.id)
    const { answer } = await this.#conman.attempt(this.cast.maker.token, call)
    const rows = answer.status === 200 ? await this.#conman.all(this.cast.maker.token, call) : []
    this.queued = rows.length > 0 ? rows.map(({ id }) => id) : this.#first === undefined ? [] : [this.#first]
  }

  /** Waits until no job of either app waits or runs: what changes by itself must not be laid at anybody's door. */
  async quiet(): Promise<void> {
    const deadline = performance.now() + JOBS_END_WITHIN_MS
    for (;;) {
      let open = 0
      for (const appId of [this.cast.app.id, this.other.id]) {
        const jobs = await this.#conman.all(this.cast.maker.token, listJobs(appId))
        open += jobs.filter((job) => !hasEnded(job)).length
      }
      if (open === 0) return
      if (performance.now() > deadline) {
        throw new TargetFailed(`${open} jobs did not end within ${JOBS_END_WITHIN_MS / 1_000} s`, 'look at its worker')
      }
      await delay(LOOK_EVERY_MS, undefined, { signal: this.#run.signal })
    }
  }

  /** For the witness: the first app is the one that everything is about. */
  known(): Known {
    const people = [...this.cast.actors.values()].flatMap(({ userId }) => (userId === null ? [] : [userId]))
    return {
      appIds: [this.cast.app.id, this.other.id],
      changesetIds: [...this.#changesets],
      profileIds: [...this.#profiles],
      releaseIds: [...this.#releases],
      userIds: people,
      owners: [{ token: this.token('user'), appId: this.cast.app.id }],
    }
  }

  /** Ids that only members of the app know, with what they are. */
  inside(): [id: string, what: string][] {
    return [
      ...[...this.#changesets].map((id): [string, string] => [id, 'a changeset']),
      ...[...this.#releases].map((id): [string, string] => [id, 'a release']),
      ...(['reviewer', 'config_manager', 'app_admin'] as const).map((name): [string, string] => [
        this.#idOf(name),
        'a member',
      ]),
      ...(
        ['profileId', 'environmentId', 'workspaceId', 'tempEnvId', 'jobId', 'inviteId', 'commentId'] as const
      ).flatMap((name): [string, string][] => {
        const id = this.ids[name]
        return id === undefined || id === '' ? [] : [[id, `its ${name}`]]
      }),
    ]
  }
}

function asNew({
  name,
  isCanonical,
  profileId,
}: {
  name: string
  isCanonical: boolean
  profileId: string | null
}): NewEnvironment {
  return { name, isCanonical, ...(profileId === null ? {} : { profileId }) }
}

/** Never the same twice: what changes nothing is no edit (HD54). */
function edit(name: string): { path: string; content: string } {
  return { path: `config/${name}.yaml`, content: `changed: ${randomBytes(8).toString('hex')}\n` }
}
