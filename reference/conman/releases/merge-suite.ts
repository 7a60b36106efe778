/** The merge suite: run on a commit that nobody has yet, and never in doubt with what it was run for. */
import type { ObjectId } from 'mongodb'
import { CommandFailure } from '../jobs/command.ts'
import type { JobContext } from '../jobs/handler.ts'
import type { Services } from '../services.ts'

/** Why the suite says no; undefined when it passes. A command that cannot be started says nothing, and is thrown. */
export async function mergeSuiteFailure(
  services: Services,
  context: JobContext,
  subject: { commit_sha: string } & Record<string, unknown>,
): Promise<string | undefined> {
  const { app_id } = context.job
  const payload = { app_id: app_id.toHexString(), ...subject, profile_ids: await environmentProfiles(services, app_id) }
  try {
    await services.commands(context, { phase: 'msuite_merge', command: services.config.commands.msuiteMerge, payload })
    return undefined
  } catch (error) {
    if (error instanceof CommandFailure && error.exitCode !== null) return error.message
    throw error
  }
}

/** What is released goes to the environments, so it is their profiles that it is tested with. */
async function environmentProfiles(services: Services, appId: ObjectId): Promise<string[]> {
  const environments = await services.store.data.environments.find({ app_id: appId }).sort({ position: 1 }).toArray()
  return environments.flatMap(({ runtime_profile_id }) => runtime_profile_id?.toHexString() ?? [])
}
