/**
 * The worker's side of a deployment: the command is run, the overrides of the release reach the environment's profile, and the
 * deployment and the states of the releases change as one.
 *
 * Every write is bound to the deployment being under way and to this attempt of this job, so a worker that lost the job
 * changes nothing any more. The command's success is stored before anything follows from it: it is not run again after that.
 */
import { type Filter, ObjectId } from 'mongodb'
import { FinalJobError, type JobContext, type JobHandler, type JobResult } from '../jobs/handler.ts'
import type { AppDocument, DeploymentDocument, ReleaseDocument } from '../mongo/documents.ts'
import { owningApp } from '../releases/owning-app.ts'
import type { Services } from '../services.ts'
import { type Outcome, storeOutcome } from './outcome.ts'
import { bringOverrides } from './overrides.ts'
import { tellDeployment } from './telling.ts'

export function createDeploying(services: Services): JobHandler {
  const { data } = services.store

  /** The deployment while it is under way, whichever attempt of the job has it. */
  const ofJob = ({ job }: JobContext): Filter<DeploymentDocument> => ({
    _id: new ObjectId(job.entity_id),
    app_id: job.app_id,
    job_id: job._id,
    active: true,
  })
  const mine = (context: JobContext) => ({ ...ofJob(context), job_fence: context.job.fence })
  const mineOrOlder = (context: JobContext) => ({ ...ofJob(context), job_fence: { $not: { $gt: context.job.fence } } })

  async function take(context: JobContext): Promise<DeploymentDocument | null> {
    const now = new Date()
    const started_at = { $ifNull: ['$started_at', now] }
    const running = { state: 'running', started_at, job_fence: context.job.fence, updated_at: now }
    return data.deployments.findOneAndUpdate(mineOrOlder(context), [{ $set: running }], { returnDocument: 'after' })
  }

  async function execute(context: JobContext, release: ReleaseDocument): Promise<JobResult> {
    const payload = { ...context.job.payload, tag: release.tag, commit_sha: release.published_sha }
    const command = services.config.commands.deployRelease
    const executor = await services.commands(context, { phase: 'deploy_release', command, payload })
    const { matchedCount } = await data.deployments.updateOne(mine(context), { $set: { executor } })
    if (matchedCount === 0) throw new Error('another worker has this job')
    return executor
  }

  async function tellEnd(context: JobContext, app: AppDocument, deployment: DeploymentDocument, outcome?: Outcome) {
    const release = await services.releases.current(app, deployment.release_id)
    const action = deployment.state === 'succeeded' ? 'succeeded' : 'failed'
    const told = { app, deployment, release, action, actor: null, before: { state: 'running' } } as const
    await tellDeployment(services, context.origin, told)
    const rolledBack = outcome?.rolledBack
    if (!rolledBack) return
    await services.releases.audit(
      context.origin,
      null,
      'rolled_back',
      rolledBack,
      { ...rolledBack, state: 'rolled_back' },
      {
        once: `rolled_back ${rolledBack._id.toHexString()}`,
        after: { rollback_mode: deployment.rollback_mode, rollback_release_id: deployment.release_id },
      },
    )
  }

  function resultOf(deployment: DeploymentDocument): JobResult {
    const deployment_id = deployment._id.toHexString()
    return { status: 'deployed', deployment_id, state: 'succeeded', executor: deployment.executor ?? null }
  }

  /** The job was run before and could not say so. */
  async function runAgain(context: JobContext, app: AppDocument): Promise<JobResult> {
    const { job } = context
    const deployment = await data.deployments.findOne({ _id: new ObjectId(job.entity_id), job_id: job._id })
    if (deployment === null) throw new FinalJobError('the deployment does not exist')
    if (deployment.active) throw new Error('another worker has this job')
    if (deployment.state !== 'succeeded') throw new FinalJobError('the deployment is over')
    await tellEnd(context, app, deployment)
    return resultOf(deployment)
  }

  return {
    async run(context) {
      const app = await owningApp(services, context.job)
      const deployment = await take(context)
      if (deployment === null) return runAgain(context, app)
      const release = await services.releases.current(app, deployment.release_id)
      if (!deployment.executor) await execute(context, release)
      context.signal.throwIfAborted()
      await bringOverrides(services, context.origin, app, deployment, release)
      const outcome = await storeOutcome(services, mine(context), 'succeeded')
      if (outcome === null) throw new Error('another worker has this job')
      services.metrics.deployment('succeeded')
      await tellEnd(context, app, outcome.deployment, outcome)
      return resultOf(outcome.deployment)
    },

    async settle(context) {
      const app = await owningApp(services, context.job)
      const outcome = await storeOutcome(services, mineOrOlder(context), 'failed')
      if (outcome !== null) services.metrics.deployment('failed')
      const ended = { _id: new ObjectId(context.job.entity_id), job_id: context.job._id, active: false }
      const deployment = outcome?.deployment ?? (await data.deployments.findOne(ended))
      if (deployment !== null) await tellEnd(context, app, deployment)
    },
  }
}
