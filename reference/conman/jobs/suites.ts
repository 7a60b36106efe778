/** The jobs that are one command: test suites, which open a gate when they succeed. */
import { ObjectId } from 'mongodb'
import { isObjectId } from '../http/identifiers.ts'
import type { Services } from '../services.ts'
import type { ClaimedJob, JobHandler, JobHandlers } from './handler.ts'

export function suiteJobs(services: Services): JobHandlers {
  const { msuiteSubmit, msuiteMerge, msuiteDeploy } = services.config.commands
  const suite = (phase: string, command: string): JobHandler => ({
    run: (context) => services.commands(context, { phase, command }),
  })
  const submit = suite('msuite_submit', msuiteSubmit)

  async function touch({ app_id, entity_id }: ClaimedJob): Promise<void> {
    if (!isObjectId(entity_id)) return
    const query = { _id: new ObjectId(entity_id), app_id }
    const projection = { app_id: 1, workspace_id: 1 }
    const changeset = await services.store.data.changesets.findOne(query, { projection })
    if (changeset !== null) await services.tempEnvironments.touch(changeset)
  }

  return {
    msuite_submit: {
      async run(context) {
        await touch(context.job)
        return submit.run(context)
      },
    },
    msuite_merge: suite('msuite_merge', msuiteMerge),
    msuite_deploy: suite('msuite_deploy', msuiteDeploy),
  }
}
