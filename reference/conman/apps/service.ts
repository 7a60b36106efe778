/** Apps: a repository, its integration branch and its settings. Whoever creates an app becomes its app_admin. */
import { status } from '@grpc/grpc-js'
import { type Filter, type MatchKeysAndValues, ObjectId } from 'mongodb'
import { isGitStatus } from '../git/errors.ts'
import type { Repository } from '../git/wire.ts'
import type { Caller } from '../http/context.ts'
import { conflict, notFound, validation } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import { type Page, type Paginated, paginated } from '../http/pagination.ts'
import { describeError } from '../logging.ts'
import type { AppDocument, AppSettings, EnvironmentDocument } from '../mongo/documents.ts'
import { createLister } from '../mongo/listing.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Services } from '../services.ts'
import { requireBranchName } from '../workspaces/branch-name.ts'
import { presentApp } from './present.ts'
import { requireRepositoryPath } from './repository-path.ts'

export interface NewApp {
  name: string
  repoPath: string
  integrationBranch: string
}

export interface AppService {
  list(caller: Caller, page: Page): Promise<Paginated<unknown>>
  create(caller: Caller, input: NewApp): Promise<unknown>
  get(caller: Caller, appId: ObjectId): Promise<unknown>
  changeSettings(caller: Caller, app: AppDocument, changes: Partial<AppSettings>): Promise<unknown>
}

const NAME = /^[A-Za-z0-9_-]{1,128}$/
const DEFAULT_ENVIRONMENTS = ['Development', 'QA', 'UAT', 'Production']
const CANONICAL_ENVIRONMENT = 'Production'
const MAX_FILE_SIZE_BYTES = 52_428_800
const MAX_BLOCKED_PATHS = 1000

export function repositoryOf(app: Pick<AppDocument, '_id' | 'repo_path'>): Repository {
  return { appId: app._id, path: app.repo_path }
}

export function createAppService(services: Services): AppService {
  const { data, lists, causality } = services.store
  const listed = createLister(services.store, 'apps', { updated_at: -1, _id: -1 })

  /** Makes sure that the repository is there with a commit on the integration branch, which every workspace starts from. */
  async function prepareRepository(caller: Caller, appId: ObjectId, input: NewApp): Promise<void> {
    const repository = { appId, path: input.repoPath }
    const { git } = services
    const existed = await git.repositoryExists(repository, caller)
    if (!existed) await git.createRepository(repository, input.integrationBranch, caller)
    if (existed && (await git.branchTip(repository, input.integrationBranch, caller)) !== undefined) return
    if (existed && (await git.hasBranches(repository, caller))) {
      throw validation('the repository has no branch of the name given as integration_branch')
    }
    const firstCommit = {
      branch: input.integrationBranch,
      action: 'create',
      path: 'README.md',
      content: Buffer.from(`# ${input.name}\n`),
      message: 'Begin the repository',
      expectedTip: undefined,
    } as const
    try {
      await git.commitFile(repository, firstCommit, caller.user, caller)
    } catch (error) {
      // Some backends cannot make a first commit; then it has to be pushed before the first workspace.
      const unsupported = isGitStatus(error, status.INVALID_ARGUMENT, status.INTERNAL, status.FAILED_PRECONDITION)
      if (!unsupported) throw error
      services.logger.warn({ app_id: appId, ...describeError(error) }, 'the repository has no first commit yet')
    }
  }

  async function requireUnused(input: NewApp): Promise<void> {
    const taken = await data.apps.findOne({ $or: [{ name: input.name }, { repo_path: input.repoPath }] })
    if (taken !== null) throw conflict(taken.name === input.name ? 'name is already used' : 'repo_path is already used')
  }

  return {
    async list(caller, page) {
      const mine = await data.app_memberships.find({ user_id: caller.user.id }).project({ app_id: 1 }).toArray()
      const query: Filter<AppDocument> = { _id: { $in: mine.map(({ app_id }) => app_id as ObjectId) } }
      const { total, found } = await listed(caller.user.id, query, page)
      return paginated(page, total, found.map(presentApp))
    },

    async create(caller, input) {
      if (!NAME.test(input.name)) throw validation('name must be 1 to 128 letters, digits, - or _')
      requireRepositoryPath(input.repoPath)
      requireBranchName('integration_branch', input.integrationBranch)
      await requireUnused(input)

      const now = new Date()
      const dates = { created_at: now, updated_at: now }
      const appId = new ObjectId()
      await prepareRepository(caller, appId, input)

      const environments = DEFAULT_ENVIRONMENTS.map(
        (name, position): EnvironmentDocument => ({
          _id: new ObjectId(),
          app_id: appId,
          name,
          position,
          is_canonical: name === CANONICAL_ENVIRONMENT,
          runtime_profile_id: null,
          ...dates,
        }),
      )
      const app: AppDocument = {
        _id: appId,
        name: input.name,
        repo_path: input.repoPath,
        integration_branch: input.integrationBranch,
        settings: {
          baseline_mode: 'canonical_env_release',
          canonical_env_id: environments.find((environment) => environment.is_canonical)?._id.toHexString() ?? null,
          commit_mode_default: 'submit_commit',
          blocked_paths: ['.git/**', '.gitignore', '.github/**'],
          file_size_limit_bytes: 5_242_880,
          profile_approval_policy: 'stricter_two_approvals',
        },
        created_by: caller.user.id,
        ...dates,
      }
      const membership = {
        _id: new ObjectId(),
        user_id: caller.user.id,
        app_id: appId,
        role: 'app_admin' as const,
        created_at: now,
      }
      // The app comes last: before it is there, nothing refers to the rest, and after it everything is complete.
      await causality.write(caller.user.id.toHexString(), async (session) => {
        try {
          await data.environments.insertMany(environments, { session })
          await data.app_memberships.insertOne(membership, { session })
          await data.apps.insertOne(app, { session })
        } catch (error) {
          await data.environments.deleteMany({ app_id: appId }, { session })
          await data.app_memberships.deleteMany({ app_id: appId }, { session })
          throw isDuplicateKey(error) ? conflict('name or repo_path is already used') : error
        }
      })
      await services.audit.record(caller, {
        appId,
        actor: caller.user,
        entityType: 'app',
        entityId: appId.toHexString(),
        action: 'created',
        after: { name: app.name, repo_path: app.repo_path, integration_branch: app.integration_branch },
      })
      return presentApp(app)
    },

    async get(caller, appId) {
      const app = await causality.read(caller.user.id.toHexString(), (session) =>
        lists.apps.findOne({ _id: appId }, { session }),
      )
      if (app === null) throw notFound('app', appId.toHexString())
      return presentApp(app)
    },

    async changeSettings(caller, app, changes) {
      const { file_size_limit_bytes, blocked_paths, canonical_env_id } = changes
      if (
        file_size_limit_bytes !== undefined &&
        !(file_size_limit_bytes >= 1 && file_size_limit_bytes <= MAX_FILE_SIZE_BYTES)
      ) {
        throw validation(`file_size_limit_bytes must be 1 to ${MAX_FILE_SIZE_BYTES}`)
      }
      if (blocked_paths !== undefined) {
        if (blocked_paths.length > MAX_BLOCKED_PATHS) throw validation(`at most ${MAX_BLOCKED_PATHS} blocked_paths`)
        if (blocked_paths.some((pattern) => pattern.trim() === '')) throw validation('blocked_paths must not be blank')
      }
      if (canonical_env_id !== undefined && canonical_env_id !== null) {
        const environment = { _id: objectId(canonical_env_id, 'canonical_env_id'), app_id: app._id }
        const known = await data.environments.countDocuments(environment, { limit: 1 })
        if (known === 0) throw notFound('environment', canonical_env_id)
      }
      const now = new Date()
      const set: MatchKeysAndValues<AppDocument> = { updated_at: now }
      for (const [name, value] of Object.entries(changes)) set[`settings.${name}`] = value
      // One write, which leaves what it does not name as others have set it meanwhile; what it found is what it replaced.
      const before = await causality.write(caller.user.id.toHexString(), (session) =>
        data.apps.findOneAndUpdate({ _id: app._id }, { $set: set }, { session, returnDocument: 'before' }),
      )
      if (before === null) throw notFound('app', app._id.toHexString())
      const updated = { ...before, settings: { ...before.settings, ...changes }, updated_at: now }
      await services.audit.record(caller, {
        appId: app._id,
        actor: caller.user,
        entityType: 'app',
        entityId: app._id.toHexString(),
        action: 'settings_updated',
        before: before.settings,
        after: updated.settings,
      })
      return presentApp(updated)
    },
  }
}
