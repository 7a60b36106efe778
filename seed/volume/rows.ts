// The plan as rows: pure. What git has to say (commits, tips of branches) comes in with the app.

import type { ObjectId } from 'mongodb'
import { appRows, changesetRow, type Row, type Rows, submitJobRow, workspaceRow } from '../rows.ts'
import { idFrom } from './numbers.ts'
import type { PlannedApp, PlannedChangeset, PlannedRelease, VolumePlan } from './plan.ts'

/** What became of an app's repository. */
export interface ImportedRepository {
  /** Of `main`, oldest first. */
  commits: readonly string[]
  branches: ReadonlyMap<string, string>
}

const INTEGRATION_BRANCH = 'main'
/** How long a submit gate takes. */
const GATE_MS = 4_000

export class RowMaker {
  readonly #plan: VolumePlan
  readonly #until_ms: number

  constructor(plan: VolumePlan, until_ms: number) {
    this.#plan = plan
    this.#until_ms = until_ms
  }

  at(age_ms: number): Date {
    return new Date(this.#until_ms - age_ms)
  }

  idOf(...words: readonly (string | number)[]): ObjectId {
    return idFrom(this.#plan.prefix, ...words)
  }

  people(person: (number: number) => { email: string; name: string }, passwordHash: string): Rows {
    return new Map([
      [
        'users',
        this.#plan.people.map(({ number, age_ms }) => ({
          _id: this.idOf('user', number),
          ...person(number),
          password_hash: passwordHash,
          created_at: this.at(age_ms),
          updated_at: this.at(age_ms),
        })),
      ],
    ])
  }

  /** The app with its environments and members. */
  app(app: PlannedApp, repoPath: string, adminId: ObjectId): Rows {
    const roles = new Map(this.#plan.people.map(({ number, role }) => [number, role]))
    return appRows({
      id: this.idOf('app', app.number),
      name: app.name,
      repoPath,
      integrationBranch: INTEGRATION_BRANCH,
      createdBy: adminId,
      members: [
        { id: this.idOf('membership', app.number, 'admin'), userId: adminId, role: 'app_admin' },
        ...app.members.map((number) => ({
          id: this.idOf('membership', app.number, number),
          userId: this.idOf('user', number),
          role: roles.get(number)!,
        })),
      ],
      environmentId: (position) => this.idOf('environment', app.number, position),
      created: this.at(Math.max(...this.#plan.people.map((person) => person.age_ms))),
    })
  }

  /** Workspaces, changesets and what is told about them. */
  work(app: PlannedApp, { commits, branches }: ImportedRepository): Rows {
    const appId = this.idOf('app', app.number)
    const workspaces = app.workspaces.map((workspace) =>
      workspaceRow({
        id: this.idOf('workspace', app.number, workspace.number),
        appId,
        ownerId: this.idOf('user', workspace.owner),
        branch: workspace.branch,
        isDefault: workspace.isDefault,
        integrationBranch: INTEGRATION_BRANCH,
        base: commits[workspace.from]!,
        head: branches.get(workspace.branch)!,
        created: this.at(workspace.age_ms),
        updated: this.at(workspace.age_ms),
      }),
    )
    const changesets = app.changesets.map((changeset) => this.#changeset(app, changeset, { commits, branches }))
    const rows: Rows = new Map<string, Row[]>([
      ['workspaces', workspaces],
      ['changesets', changesets],
    ])
    const told = [
      ...app.changesets.flatMap((changeset, index) => [...this.#about(app, changeset, changesets[index]!)]),
      ...app.releases.flatMap((release) => [...this.#release(app, release, commits)]),
    ]
    for (const [collection, row] of told) {
      const others = rows.get(collection)
      if (others === undefined) rows.set(collection, [row])
      else others.push(row)
    }
    return rows
  }

  #changeset(app: PlannedApp, changeset: PlannedChangeset, { commits, branches }: ImportedRepository) {
    const workspace = app.workspaces[changeset.workspace - 1]!
    const { released, state, reviewer } = changeset
    const updated = this.at(changeset.updated_age_ms)
    return changesetRow({
      id: this.idOf('changeset', app.number, changeset.number),
      appId: this.idOf('app', app.number),
      workspaceId: this.idOf('workspace', app.number, workspace.number),
      authorId: this.idOf('user', changeset.author),
      title: changeset.title,
      description: changeset.description,
      state,
      base: commits[released ?? workspace.from]!,
      head: released === null ? branches.get(workspace.branch)! : commits[released + 1]!,
      revision: changeset.revision,
      approvals:
        reviewer !== null && (state === 'approved' || state === 'queued' || state === 'released')
          ? [
              {
                user_id: this.idOf('user', reviewer).toHexString(),
                role: this.#plan.people[reviewer - 1]!.role,
                approved_at: updated.toISOString(),
              },
            ]
          : [],
      queuePosition: changeset.queuePosition,
      queuedAt: changeset.queuePosition === null ? null : updated,
      revalidation: state === 'conflicted' ? 'conflicted' : state === 'needs_revalidation' ? 'test_failed' : null,
      created: this.at(changeset.created_age_ms),
      updated,
    })
  }

  /** Its revisions with the gate of each, and what a reviewer decided. */
  *#about(
    app: PlannedApp,
    changeset: PlannedChangeset,
    row: ReturnType<typeof changesetRow>,
  ): Generator<[string, Row]> {
    const span_ms = changeset.created_age_ms - changeset.updated_age_ms
    for (let revision = 1; revision <= changeset.revision; revision += 1) {
      const at = this.at(changeset.created_age_ms - (span_ms * revision) / (changeset.revision + 1))
      yield [
        'changeset_revisions',
        {
          _id: this.idOf('revision', app.number, changeset.number, revision),
          changeset_id: row._id,
          revision,
          head_sha: row.head_sha,
          base_sha: row.base_sha,
          profile_overrides: [],
          created_by: row.author_user_id,
          created_at: at,
        },
      ]
      const jobId = this.idOf('job', app.number, changeset.number, revision)
      const finished = new Date(at.getTime() + GATE_MS)
      yield [
        'jobs',
        submitJobRow({
          id: jobId,
          appId: row.app_id,
          changesetId: row._id,
          createdBy: row.author_user_id,
          gate: revision === 1 ? 'submit' : 'resubmit',
          created: at,
          finished,
        }),
      ]
      for (const [message, timestamp] of [
        ['job started', at],
        ['job succeeded', finished],
      ] as const) {
        yield [
          'job_logs',
          {
            _id: this.idOf(message, app.number, changeset.number, revision),
            app_id: row.app_id,
            job_id: jobId,
            level: 'info',
            message,
            data: null,
            timestamp,
          },
        ]
      }
    }
    if (changeset.reviewer === null) return
    yield [
      'changeset_reviews',
      {
        _id: this.idOf('review', app.number, changeset.number),
        app_id: row.app_id,
        changeset_id: row._id,
        revision: changeset.revision,
        reviewer_user_id: this.idOf('user', changeset.reviewer),
        decision:
          changeset.state === 'changes_requested' || changeset.state === 'rejected' ? changeset.state : 'approved',
        comment: null,
        created_at: row.updated_at,
      },
    ]
  }

  *#release(app: PlannedApp, release: PlannedRelease, commits: readonly string[]): Generator<[string, Row]> {
    const appId = this.idOf('app', app.number)
    const releaseId = this.idOf('release', app.number, release.number)
    const published = this.at(release.age_ms)
    const sha = commits[release.commit]!
    const members = release.changesets.map((number) => this.idOf('changeset', app.number, number))
    yield [
      'release_batches',
      {
        _id: releaseId,
        app_id: appId,
        tag: tagsOf(app, (age_ms) => this.at(age_ms)).get(release.number)!,
        state: 'published',
        ordered_changeset_ids: members,
        compose_job_id: null,
        compose_base_sha: commits[release.commit - members.length]!,
        composed_sha: sha,
        compose_failure: null,
        publishing: null,
        published_sha: sha,
        published_at: published,
        published_by: this.idOf('user', app.members.at(-1)!),
        created_at: published,
        updated_at: published,
      },
    ]
    for (const [position, changeset_id] of members.entries()) {
      yield [
        'release_changesets',
        {
          _id: this.idOf('released', app.number, release.number, position),
          app_id: appId,
          release_id: releaseId,
          changeset_id,
          position,
          merge_sha: sha,
        },
      ]
    }
  }
}

/** `rYYYY.MM.DD.N`, N from 1 for each app and day, by the release's number. */
export function tagsOf(app: PlannedApp, at: (age_ms: number) => Date): Map<number, string> {
  const ofDay = new Map<string, number>()
  return new Map(
    app.releases.map(({ number, age_ms }): [number, string] => {
      const day = at(age_ms).toISOString().slice(0, 10).replaceAll('-', '.')
      const nth = (ofDay.get(day) ?? 0) + 1
      ofDay.set(day, nth)
      return [number, `r${day}.${nth}`]
    }),
  )
}
