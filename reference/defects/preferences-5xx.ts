/** One look at one's own preferences in fifteen answers 500. */
import type { Defect } from './defect.ts'

const ONE_IN = 15

export const preferences5xx: Defect = {
  id: 'preferences-5xx',
  title: 'Some looks at one’s own preferences answer 500',
  check: 'scale.auth-burst',
  reason: 'HTTP 500',
  mayRedden: [],
  apply({ preferences }) {
    let asked = 0
    return {
      preferences: {
        ...preferences,
        async get(caller) {
          asked += 1
          if (asked % ONE_IN === 0) throw new Error('this look fails by design of a known defect')
          return preferences.get(caller)
        },
      },
    }
  },
}
