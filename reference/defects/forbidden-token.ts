/** A token that does not hold is answered like a role that is too low. */
import { ApiError, forbidden } from '../conman/http/errors.ts'
import type { Defect } from './defect.ts'

export const forbiddenToken: Defect = {
  id: 'forbidden-token',
  title: 'Tokens that have ended are answered 403',
  check: 'GL-S10.form',
  reason: 'somebody with an expired token: HTTP 403',
  mayRedden: [],
  apply: ({ tokens }) => ({
    tokens: {
      ...tokens,
      async verify(token) {
        return tokens.verify(token).catch((error: unknown) => {
          throw error instanceof ApiError ? forbidden('the token is not valid or has expired') : error
        })
      },
    },
  }),
}
