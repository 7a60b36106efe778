/** A profile is changed first and its app looked at afterwards: 403, and the change stays. */
import { forbidden } from '../conman/http/errors.ts'
import type { Defect } from './defect.ts'

export const writeBeforeCheck: Defect = {
  id: 'write-before-check',
  title: 'Profiles of other apps are changed before it is refused',
  check: 'S16',
  reason: 'and yet it changed: runtime_profiles',
  // The list of profiles shows something else, and the matrix cannot say by whom.
  mayRedden: ['S16.alike', 'GL-S10'],
  apply: ({ profiles, store: { data } }) => ({
    profiles: {
      ...profiles,
      async update(caller, app, profileId, given) {
        const profile = await data.runtime_profiles.findOne({ _id: profileId })
        const owner = profile && (await data.apps.findOne({ _id: profile.app_id }))
        const updated = await profiles.update(caller, owner ?? app, profileId, given)
        if (!updated.app_id.equals(app._id)) throw forbidden('the profile is of another app')
        return updated
      },
    },
  }),
}
