/**
 * Going back: either an environment gets a release again that has run there before, or the changes of a release are taken
 * back in git and what comes of that is deployed as a release of its own.
 */
import type { ObjectId } from 'mongodb'
import { repositoryOf } from '../apps/service.ts'
import type { Caller } from '../http/context.ts'
import { conflict, validation } from '../http/errors.ts'
import type { AppDocument, EnvironmentDocument, ReleaseDocument, RollbackMode } from '../mongo/documents.ts'
import { OUT } from '../releases/machine.ts'
import type { Services } from '../services.ts'
import { approverIds, requireApprovals } from './approvals.ts'
import { environmentOf, hasRun, requireUnoccupied, runningIn } from './environment.ts'
import type { Placed } from './placement.ts'
import { tellDeployment } from './telling.ts'

export interface RollbackInput {
  /** The release to go back to, or the one whose changes go. */
  releaseId: string
  mode: RollbackMode
  approvals: readonly string[]
}

export interface Rollback {
  rollback(caller: Caller, app: AppDocument, environmentId: string, input: RollbackInput): Promise<Placed>
}

export function createRollback(services: Services): Rollback {
  /** What is deployed is what the tag names, so it must be there, and be the release's own. */
  async function requireTag(caller: Caller, app: AppDocument, release: ReleaseDocument): Promise<void> {
    const tagged = await services.git.tagTarget(repositoryOf(app), release.tag, caller)
    if (tagged === undefined || tagged !== release.published_sha) {
      throw validation('the tag of the release is not in the repository')
    }
  }

  async function requireFit(release: ReleaseDocument, environment: EnvironmentDocument, mode: RollbackMode) {
    if (mode === 'redeploy_prior_tag') {
      if (await hasRun(services, release, environment)) return
      throw validation('the release has not been deployed with success to this environment')
    }
    if (!(await hasRun(services, release))) throw validation('the release has not been deployed with success anywhere')
    if (!OUT.includes(release.state)) throw conflict(`a release that is ${release.state} cannot be taken back`)
  }

  /** A release that has been taken back elsewhere may be what this environment wants back. */
  async function redeploy(
    caller: Caller,
    app: AppDocument,
    environment: EnvironmentDocument,
    release: ReleaseDocument,
    approvals: ObjectId[],
  ): Promise<Placed> {
    const ranHere = await runningIn(services, environment)
    const wanted = {
      environment,
      releaseId: release._id,
      isSkipStage: false,
      isConcurrentBatch: false,
      approvals,
      rollback: { mode: 'redeploy_prior_tag' as const, sourceReleaseId: ranHere ?? null },
    }
    const placed = await services.deployments.place(caller, app, wanted, [...OUT, 'rolled_back'])
    const { deployment } = placed
    const told = { app, deployment, release, action: 'rolled_back' as const, actor: caller.user, before: null }
    await tellDeployment(services, caller, told)
    return placed
  }

  return {
    async rollback(caller, app, environmentId, { releaseId, mode, approvals }) {
      const environment = await environmentOf(services, app, environmentId)
      const release = await services.releases.current(app, releaseId)
      const approvers = approverIds(approvals)
      await requireFit(release, environment, mode)
      await requireTag(caller, app, release)
      await requireUnoccupied(services, environment)
      await requireApprovals(services, app, approvers, false)
      return mode === 'redeploy_prior_tag'
        ? redeploy(caller, app, environment, release, approvers)
        : services.deployments.takeBack(caller, app, environment, release, approvers)
    },
  }
}
