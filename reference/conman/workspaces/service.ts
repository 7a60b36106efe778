/** Workspaces: a branch of one's own to edit on. Only the owner sees and changes a workspace. */
import { status } from '@grpc/grpc-js'
import { ObjectId } from 'mongodb'
import { requireTitle } from '../apps/limits.ts'
import { repositoryOf } from '../apps/service.ts'
import { isGitStatus } from '../git/errors.ts'
import type { Deadline } from '../git/wire.ts'
import type { Caller } from '../http/context.ts'
import { ApiError, conflict, forbidden, notFound } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import type { AppDocument, WorkspaceDocument } from '../mongo/documents.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Services } from '../services.ts'
import { defaultBranchName, requireWorkspaceBranchName } from './branch-name.ts'
import { createWorkspaceMoves, type WorkspaceMoves } from './moves.ts'
import { presentWorkspace } from './present.ts'

export interface WorkspaceService extends WorkspaceMoves {
  /** The caller's workspaces, the default one first; it is made when there is none. */
  list(caller: Caller, app: AppDocument): Promise<unknown[]>
  create(caller: Caller, app: AppDocument, input: { title: string | null; branchName: string | null }): Promise<unknown>
  /** An extra one, on a branch of that name. */
  begin(
    caller: Caller,
    app: AppDocument,
    input: { title: string | null; branchName: string },
  ): Promise<WorkspaceDocument>
  get(caller: Caller, app: AppDocument, workspaceId: string): Promise<unknown>
  /** A title of null clears it; undefined leaves it. */
  update(caller: Caller, app: AppDocument, workspaceId: string, title: string | null | undefined): Promise<unknown>
  /** The caller's workspace as it is now, from the primary: for whoever is about to change it. */
  owned(caller: Caller, app: AppDocument, workspaceId: string): Promise<WorkspaceDocument>
  /** The integration commit that the workspace's branch stands on. */
  baseOf(deadline: Deadline, app: AppDocument, workspace: WorkspaceDocument): Promise<string>
}

export function createWorkspaceService(services: Services): WorkspaceService {
  const { data, lists, causality } = services.store

  function requireOwned(
    caller: Caller,
    app: AppDocument,
    workspaceId: ObjectId,
    workspace: WorkspaceDocument | null | undefined,
  ): WorkspaceDocument {
    // One of another app is told apart from one that does not exist by nothing.
    if (workspace == null || !workspace.app_id.equals(app._id)) throw notFound('workspace', workspaceId.toHexString())
    if (!workspace.owner_user_id.equals(caller.user.id)) throw forbidden('this workspace is not yours')
    return workspace
  }

  /** Makes the branch, or takes over the one that an earlier attempt of the same owner left behind. */
  async function startBranch(caller: Caller, app: AppDocument, branch: string, adopt: boolean): Promise<string> {
    const { git } = services
    const repository = repositoryOf(app)
    try {
      return await git.createBranch(repository, branch, app.integration_branch, caller.user, caller)
    } catch (error) {
      if (!isGitStatus(error, status.ALREADY_EXISTS, status.FAILED_PRECONDITION)) throw error
      const tip = await git.branchTip(repository, branch, caller)
      if (tip === undefined) throw new ApiError('conflict', 'conflict: the branch cannot be created', { cause: error })
      if (!adopt) throw conflict('branch_name is already used')
      return tip
    }
  }

  async function insert(
    caller: Caller,
    app: AppDocument,
    input: { title: string | null; branch: string; isDefault: boolean },
  ): Promise<WorkspaceDocument> {
    const head = await startBranch(caller, app, input.branch, input.isDefault)
    const now = new Date()
    const workspace: WorkspaceDocument = {
      _id: new ObjectId(),
      app_id: app._id,
      owner_user_id: caller.user.id,
      branch_name: input.branch,
      title: input.title,
      is_default: input.isDefault,
      base_ref_type: 'branch',
      base_ref_value: app.integration_branch,
      base_sha: head,
      head_sha: head,
      created_at: now,
      updated_at: now,
    }
    await causality.write(caller.user.id.toHexString(), (session) => data.workspaces.insertOne(workspace, { session }))
    await services.audit.record(caller, {
      appId: app._id,
      actor: caller.user,
      entityType: 'workspace',
      entityId: workspace._id.toHexString(),
      action: 'created',
      after: { branch_name: workspace.branch_name, title: workspace.title, is_default: workspace.is_default },
      gitSha: head,
    })
    return workspace
  }

  async function insertDefault(caller: Caller, app: AppDocument, title: string | null): Promise<WorkspaceDocument> {
    return insert(caller, app, { title, branch: defaultBranchName(caller.user.id, app.name), isDefault: true })
  }

  const service: Omit<WorkspaceService, keyof WorkspaceMoves> = {
    async list(caller, app) {
      const mine = { app_id: app._id, owner_user_id: caller.user.id }
      const find = () =>
        causality.read(caller.user.id.toHexString(), (session) =>
          lists.workspaces.find(mine, { session }).sort({ is_default: -1, updated_at: -1 }).toArray(),
        )
      let found = await find()
      // A secondary may not have the default one yet; making one is decided on the primary.
      if (found.length === 0 && (await data.workspaces.findOne(mine)) === null) {
        try {
          found = [await insertDefault(caller, app, null)]
        } catch (error) {
          if (!isDuplicateKey(error)) throw error
        }
      }
      if (found.length === 0) {
        found = await data.workspaces.find(mine).sort({ is_default: -1, updated_at: -1 }).toArray()
      }
      return found.map(presentWorkspace)
    },

    async create(caller, app, { title, branchName }) {
      if (branchName !== null) return presentWorkspace(await this.begin(caller, app, { title, branchName }))
      if (title !== null) requireTitle(title)
      const held = { app_id: app._id, owner_user_id: caller.user.id, is_default: true }
      if ((await data.workspaces.findOne(held)) !== null) throw conflict('the default workspace exists already')
      return presentWorkspace(await insertDefault(caller, app, title).catch(alreadyThere))
    },

    async begin(caller, app, { title, branchName }) {
      if (title !== null) requireTitle(title)
      requireWorkspaceBranchName(branchName, app.integration_branch, caller.user.id)
      const taken = await data.workspaces.findOne({ app_id: app._id, branch_name: branchName })
      if (taken !== null) throw conflict('branch_name is already used')
      return insert(caller, app, { title, branch: branchName, isDefault: false }).catch(alreadyThere)
    },

    async get(caller, app, workspaceId) {
      const id = objectId(workspaceId, 'workspace id')
      const workspace = await causality.read(caller.user.id.toHexString(), (session) =>
        lists.workspaces.findOne({ _id: id }, { session }),
      )
      return presentWorkspace(requireOwned(caller, app, id, workspace))
    },

    async update(caller, app, workspaceId, title) {
      const before = await this.owned(caller, app, workspaceId)
      if (title === undefined || title === before.title) return presentWorkspace(before)
      if (title !== null) requireTitle(title)
      const after = await causality.write(caller.user.id.toHexString(), (session) =>
        data.workspaces.findOneAndUpdate(
          { _id: before._id, app_id: app._id },
          { $set: { title, updated_at: new Date() } },
          { session, returnDocument: 'after' },
        ),
      )
      if (after === null) throw notFound('workspace', workspaceId)
      await services.audit.record(caller, {
        appId: app._id,
        actor: caller.user,
        entityType: 'workspace',
        entityId: workspaceId,
        action: 'updated',
        before: { title: before.title },
        after: { title },
        gitSha: after.head_sha,
      })
      return presentWorkspace(after)
    },

    async owned(caller, app, workspaceId) {
      const id = objectId(workspaceId, 'workspace id')
      return requireOwned(caller, app, id, await services.store.lookups.workspace(id))
    },

    async baseOf(deadline, app, workspace) {
      if (workspace.base_sha !== undefined) return workspace.base_sha
      // A row that Conman itself wrote does not say; the integration branch is what it began from.
      const tip = await services.git.branchTip(repositoryOf(app), app.integration_branch, deadline)
      return tip ?? workspace.head_sha
    },
  }

  return Object.assign(service, createWorkspaceMoves(services)) as WorkspaceService
}

function alreadyThere(error: unknown): never {
  throw isDuplicateKey(error) ? conflict('there is such a workspace already') : error
}
