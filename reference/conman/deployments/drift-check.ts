/** The worker's side of the drift gate: a command compares an environment with what its profile says. */
import { ObjectId } from 'mongodb'
import { isObjectId } from '../http/identifiers.ts'
import { CommandFailure } from '../jobs/command.ts'
import { FinalJobError, type JobHandler } from '../jobs/handler.ts'
import { mayBeTriedAgain } from '../jobs/runner.ts'
import { MANAGERS } from '../mail/notifications.ts'
import { owningApp } from '../releases/owning-app.ts'
import type { Services } from '../services.ts'
import { differencesIn } from './drift.ts'

const PHASE = 'runtime_profile_drift_check'

export function createDriftCheck(services: Services): JobHandler {
  const { data } = services.store

  return {
    async run(context) {
      const { job } = context
      try {
        return await services.commands(context, { phase: PHASE, command: services.config.commands.driftCheck })
      } catch (error) {
        if (!(error instanceof CommandFailure) || mayBeTriedAgain(job)) throw error
        const { exitCode, stdout, message } = error
        throw new FinalJobError(message, {
          status: 'failed',
          phase: PHASE,
          exit_code: exitCode,
          differences: differencesIn(stdout),
        })
      }
    },

    async settle({ job }) {
      const app = await owningApp(services, job)
      const { release_id } = job.payload
      const [environment, release] = await Promise.all([
        data.environments.findOne({ _id: new ObjectId(job.entity_id), app_id: app._id }),
        isObjectId(release_id)
          ? data.release_batches.findOne({ _id: new ObjectId(release_id), app_id: app._id })
          : null,
      ])
      const name = environment?.name ?? job.entity_id
      await services.notifications.tell({
        app,
        event: 'deployment_blocked_by_drift',
        title: release === null ? name : `${release.tag} → ${name}`,
        link: `/api/apps/${app._id.toHexString()}/jobs/${job._id.toHexString()}`,
        actor: null,
        to: { roles: MANAGERS },
        occasion: job._id.toHexString(),
      })
    },
  }
}
