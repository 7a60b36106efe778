/** What the changesets of a release override reaches the profile of the environment that it is deployed to. */
import type { Origin } from '../http/context.ts'
import type { AppDocument, DeploymentDocument, EnvValue, ReleaseDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

export async function bringOverrides(
  services: Services,
  origin: Origin,
  app: AppDocument,
  deployment: DeploymentDocument,
  release: ReleaseDocument,
): Promise<void> {
  const environment = await services.store.data.environments.findOne({ _id: deployment.environment_id })
  const profileId = environment?.runtime_profile_id
  if (!profileId) return
  // In release order: what a later changeset says about a key replaces what an earlier one said.
  const values = new Map<string, EnvValue>()
  for (const _id of release.ordered_changeset_ids) {
    const overrides = await services.overrides.current({ _id })
    for (const { key, value, target_profile_id } of overrides) {
      if (target_profile_id === null || target_profile_id.equals(profileId)) values.set(key, value)
    }
  }
  if (values.size === 0) return
  const occasion = `deployment ${deployment._id.toHexString()}`
  await services.profiles.mergeEnvVars(origin, app, profileId, Object.fromEntries(values), occasion)
}
