/** Deployments: bringing a published release into an environment, in stages, and back. */
import type { Caller } from '../http/context.ts'
import { validation } from '../http/errors.ts'
import { type Page, type Paginated, paginated } from '../http/pagination.ts'
import type { AppDocument } from '../mongo/documents.ts'
import { createLister } from '../mongo/listing.ts'
import { OUT } from '../releases/machine.ts'
import type { Services } from '../services.ts'
import { approverIds, requireApprovals } from './approvals.ts'
import { createDriftFix, type DriftFix } from './drift-fix.ts'
import { environmentOf, requirePredecessor, requireUnoccupied } from './environment.ts'
import { requireGates } from './gates.ts'
import { createPlacement, type Placed, type Placement } from './placement.ts'
import { presentDeployment } from './present.ts'
import { createReversal, type Reversal } from './reversal.ts'
import { createRollback, type Rollback } from './rollback.ts'
import { tellDeployment } from './telling.ts'

export interface DeploymentInput {
  releaseId: string
  isSkipStage: boolean
  isConcurrentBatch: boolean
  approvals: readonly string[]
}

export interface DeploymentService extends Placement, Rollback, Reversal, DriftFix {
  list(caller: Caller, app: AppDocument, page: Page): Promise<Paginated<unknown>>
  deploy(caller: Caller, app: AppDocument, environmentId: string, input: DeploymentInput): Promise<Placed>
  /** As deploy, but only to the stage after one where the release has run. */
  promote(caller: Caller, app: AppDocument, environmentId: string, input: DeploymentInput): Promise<Placed>
}

export function createDeploymentService(services: Services): DeploymentService {
  const listed = createLister(services.store, 'deployments', { created_at: -1, _id: -1 })

  async function start(
    action: 'started' | 'promoted',
    caller: Caller,
    app: AppDocument,
    environmentId: string,
    { releaseId, isSkipStage, isConcurrentBatch, approvals }: DeploymentInput,
  ): Promise<Placed> {
    const environment = await environmentOf(services, app, environmentId)
    const release = await services.releases.current(app, releaseId)
    const approvers = approverIds(approvals)
    if (!OUT.includes(release.state)) throw validation(`a release that is ${release.state} cannot be deployed`)
    if (action === 'promoted' && !isSkipStage) await requirePredecessor(services, release, environment)
    await requireUnoccupied(services, environment)
    await requireApprovals(services, app, approvers, isSkipStage || isConcurrentBatch)
    await requireGates(services, caller, app, environment, release)
    const wanted = {
      environment,
      releaseId: release._id,
      isSkipStage,
      isConcurrentBatch,
      approvals: approvers,
      rollback: null,
    }
    const placed = await services.deployments.place(caller, app, wanted, OUT)
    const { deployment } = placed
    await tellDeployment(services, caller, { app, deployment, release, action, actor: caller.user, before: null })
    return placed
  }

  const service: Pick<DeploymentService, 'list' | 'deploy' | 'promote'> = {
    async list(caller, app, page) {
      const { total, found } = await listed(caller.user.id, { app_id: app._id }, page)
      return paginated(page, total, found.map(presentDeployment))
    },
    deploy: (caller, app, environmentId, input) => start('started', caller, app, environmentId, input),
    promote: (caller, app, environmentId, input) => start('promoted', caller, app, environmentId, input),
  }

  return Object.assign(
    service,
    createPlacement(services),
    createRollback(services),
    createReversal(services),
    createDriftFix(services),
  )
}
