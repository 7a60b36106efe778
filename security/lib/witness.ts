// What a suite's apps hold, as a hash for each part: read again after a request that was refused, it shows whether something was
// done all the same. Two witnesses: the lists and details that the API gives, and the rows themselves where the database can be
// read. Rows are the better one (they come from the primary); the API is there on every target.

import { createHash } from 'node:crypto'
import { ObjectId } from 'mongodb'
import { mapInParallel } from '../../harness/parallel.ts'
import type { Run } from '../../harness/run.ts'
import { listMembers, readApp } from '../../harness/target/conman/apps.ts'
import type { Call } from '../../harness/target/conman/call.ts'
import {
  listChangesets,
  listComments,
  listOverrides,
  listQueue,
  readChangeset,
} from '../../harness/target/conman/changesets.ts'
import { listEnvironments, listProfiles } from '../../harness/target/conman/environments.ts'
import { listJobs } from '../../harness/target/conman/jobs.ts'
import { changePreferences, preferences } from '../../harness/target/conman/platform.ts'
import { listDeployments, listReleases, readRelease } from '../../harness/target/conman/releases.ts'
import { listTemporary } from '../../harness/target/conman/temporary-environments.ts'
import { listWorkspaces } from '../../harness/target/conman/workspaces.ts'
import { ConmanError, recordOf } from '../../harness/target/conman.ts'

/** Part → hash. Null: could not be read. */
export type Look = Readonly<Record<string, string | null>>

/** Ids of what the suite has made; more may come while it runs. */
export interface Known {
  appIds: readonly string[]
  changesetIds: readonly string[]
  profileIds: readonly string[]
  releaseIds: readonly string[]
  userIds: readonly string[]
  /** Who owns workspaces: they show them to nobody else. */
  owners: readonly { token: string; appId: string }[]
}

/** Where the rows of an app stand, by the member that leads to them. All are indexed (IX1 to IX28), so a look scans nothing. */
const ROWS: readonly [collection: string, field: string, of: keyof Omit<Known, 'owners'>][] = [
  ['apps', '_id', 'appIds'],
  ['app_memberships', 'app_id', 'appIds'],
  ['invites', 'app_id', 'appIds'],
  ['environments', 'app_id', 'appIds'],
  ['runtime_profiles', 'app_id', 'appIds'],
  ['runtime_profile_revisions', 'profile_id', 'profileIds'],
  ['workspaces', 'app_id', 'appIds'],
  ['changesets', 'app_id', 'appIds'],
  ['changeset_revisions', 'changeset_id', 'changesetIds'],
  ['changeset_reviews', 'changeset_id', 'changesetIds'],
  ['changeset_comments', 'changeset_id', 'changesetIds'],
  ['changeset_comment_revisions', 'changeset_id', 'changesetIds'],
  ['changeset_profile_overrides', 'changeset_id', 'changesetIds'],
  ['release_batches', 'app_id', 'appIds'],
  ['release_changesets', 'release_id', 'releaseIds'],
  ['deployments', 'app_id', 'appIds'],
  ['temp_environments', 'app_id', 'appIds'],
  ['jobs', 'app_id', 'appIds'],
  ['notification_preferences', 'user_id', 'userIds'],
]

const WIDTH = 6

export class Witness {
  readonly #run: Run
  readonly #token: string
  readonly #known: () => Known
  #wants: { emailEnabled: boolean } | ConmanError | undefined

  /** `token`: of somebody who may read all of the apps. `known` is asked at each look. */
  constructor(run: Run, token: string, known: () => Known) {
    this.#run = run
    this.#token = token
    this.#known = known
  }

  /** Rows, from the primary; null where the database cannot be read. */
  async rows(): Promise<Look | null> {
    const { database } = this.#run.target
    if (database === undefined) return null
    const known = this.#known()
    const matches = ROWS.map(([collection, field, of]) => {
      const ids = known[of].filter((id) => ObjectId.isValid(id))
      // Some targets write ids as text (data-and-runtime, chapter 1).
      const match = { $match: { [field]: { $in: [...ids, ...ids.map((id) => new ObjectId(id))] } } }
      return { collection, pipeline: [match, { $project: { part: { $literal: collection }, row: '$$ROOT' } }] }
    })
    const [first, ...others] = matches
    // One question for all of them: a look follows each refusal.
    const found = await database.aggregate(first!.collection, [
      ...first!.pipeline,
      ...others.map(({ collection: coll, pipeline }) => ({ $unionWith: { coll, pipeline } })),
      { $sort: { part: 1, _id: 1 } },
    ])
    const parts = Map.groupBy(found, ({ part }) => part as string)
    return Object.fromEntries(
      ROWS.map(([collection]) => [collection, sha256(JSON.stringify(parts.get(collection) ?? []))]),
    )
  }

  /**
   * Lists and details, as the API shows them, up to date. `about`: only those whose names it fits.
   */
  async lists(about = /^/): Promise<Look> {
    const { conman } = this.#run.target
    await this.refresh()
    const looks = await mapInParallel(
      this.#reads().filter(({ part }) => about.test(part)),
      WIDTH,
      async ({ part, call, token }) => {
        const answer = await conman.answer(token, call)
        if (answer.status === 404 || answer.status === 405) return [part, 'absent'] as const
        const data = answer.status === 200 ? recordOf(answer.json)?.data : undefined
        return [part, data === undefined ? null : sha256(textOf(data, recordOf(answer.json)?.pagination))] as const
      },
    )
    return Object.fromEntries(looks)
  }

  /**
   * Lists may come from a secondary that is a moment behind. The target's sessions are causally consistent (C24), so a write of the
   * reader's own brings the reader up to date. It writes what is there already: nobody's preference is changed. Read first, for
   * some targets cannot change what was never read (HD28).
   */
  async refresh(): Promise<void> {
    const { conman } = this.#run.target
    this.#wants ??= (await conman.attempt(this.#token, preferences())).value
    if (!(this.#wants instanceof ConmanError)) {
      await conman.answer(this.#token, changePreferences(this.#wants.emailEnabled))
    }
  }

  #reads(): { part: string; call: Call<unknown>; token: string }[] {
    const known = this.#known()
    const token = this.#token
    const detail = (part: string, call: Call<unknown>) => ({ part, call, token })
    const read = (part: string, call: Call<unknown>) => detail(part, { ...call, query: { limit: '100' } })
    return [
      ...known.appIds.flatMap((appId, index) => {
        const of = index === 0 ? '' : ` of app ${index + 1}`
        return [
          detail(`settings${of}`, readApp(appId)),
          read(`members${of}`, listMembers(appId)),
          read(`environments${of}`, listEnvironments(appId)),
          read(`profiles${of}`, listProfiles(appId)),
          read(`changesets${of}`, listChangesets(appId)),
          read(`queue${of}`, listQueue(appId)),
          read(`releases${of}`, listReleases(appId)),
          read(`deployments${of}`, listDeployments(appId)),
          read(`temporary environments${of}`, listTemporary(appId)),
          read(`jobs${of}`, listJobs(appId)),
        ]
      }),
      ...known.changesetIds.flatMap((id, index) => {
        const appId = known.appIds[0]!
        return [
          detail(`changeset ${index + 1}`, readChangeset(appId, id)),
          read(`comments on changeset ${index + 1}`, listComments(appId, id)),
          read(`overrides of changeset ${index + 1}`, listOverrides(appId, id)),
        ]
      }),
      ...known.releaseIds.map((id, index) => detail(`release ${index + 1}`, readRelease(known.appIds[0]!, id))),
      ...known.owners.map(({ token: owner, appId }, index) => ({
        part: `workspaces of owner ${index + 1}`,
        call: listWorkspaces(appId),
        token: owner,
      })),
    ]
  }
}

/** Parts that differ. One that could not be read in either is not among them: `unread` names it. */
export function changed(before: Look, after: Look): string[] {
  return Object.keys({ ...before, ...after }).filter(
    (part) => before[part] !== null && after[part] !== null && before[part] !== after[part],
  )
}

export function unread(look: Look): string[] {
  return Object.keys(look).filter((part) => look[part] === null)
}

/** In whatever order its rows come: of rows that are equal by what a list is sorted by, any may be first. */
function textOf(data: unknown, pagination: unknown): string {
  const rows = Array.isArray(data) ? data.map((row) => JSON.stringify(row)).sort() : data
  return JSON.stringify([rows, pagination])
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
