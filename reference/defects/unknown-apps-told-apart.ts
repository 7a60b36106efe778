/** An app that does not exist is 404, one that is somebody else's 403: by asking, a stranger learns which exist. */
import { notFound } from '../conman/http/errors.ts'
import type { Defect } from './defect.ts'

export const unknownAppsToldApart: Defect = {
  id: 'unknown-apps-told-apart',
  title: 'Apps that do not exist are answered otherwise than those of others',
  check: 'S14',
  reason: 'what exists is told from what does not',
  mayRedden: [],
  apply: ({ access }) => ({
    access: {
      demand(principal, lowest, asked) {
        if (principal.app === undefined) throw notFound('app', asked.params.appId ?? '')
        access.demand(principal, lowest, asked)
      },
    },
  }),
}
