/** A secret is shown to the admin of any app. */
import type { Defect } from './defect.ts'

export const secretAcrossApps: Defect = {
  id: 'secret-across-apps',
  title: 'Secrets of other apps are revealed',
  check: 'S16',
  reason: '/reveal by way of the other app',
  mayRedden: ['S16.alike'],
  apply: ({ profiles, store: { data } }) => ({
    profiles: {
      ...profiles,
      async reveal(caller, app, profileId, key) {
        const profile = await data.runtime_profiles.findOne({ _id: profileId })
        const owner = profile && (await data.apps.findOne({ _id: profile.app_id }))
        return profiles.reveal(caller, owner ?? app, profileId, key)
      },
    },
  }),
}
