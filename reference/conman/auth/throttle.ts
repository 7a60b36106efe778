/**
 * Login throttling (S8): after a number of failures for one e-mail address in a row, that address rests for a while.
 *
 * The count lives in MongoDB, so that a restart or a second instance does not start it anew, and it is kept for unknown
 * addresses too, so that it tells nothing about which exist. An attempt counts before its password is looked at, in one
 * atomic step, and a success clears the count: however many guesses arrive at the same moment, on however many servers, no
 * more than allowed are looked at. Within a process, attempts on one address take turns, so that the right password sent
 * several times at once is not taken for guesses.
 */
import { rateLimited } from '../http/errors.ts'
import { createKeyedLock } from '../keyed-lock.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Services } from '../services.ts'

export interface LoginThrottle {
  /** Runs one attempt, which answers undefined when the credentials are wrong. */
  attempt<T>(email: string, verify: () => Promise<T | undefined>): Promise<T | undefined>
  /** Forgets the failures of an address, also while it rests. */
  clear(email: string): Promise<void>
}

export function createLoginThrottle(services: Services): LoginThrottle {
  const { maxFailures, cooldownMs } = services.config.login
  const { login_throttles } = services.store.data
  const turns = createKeyedLock<unknown>()

  /** Takes one of the allowed attempts, or refuses. The last one starts the rest; after it counting begins anew. */
  async function take(email: string): Promise<void> {
    const now = new Date()
    const resting = { $gt: ['$locked_until', now] }
    const failures = { $add: [{ $ifNull: ['$failures', 0] }, 1] }
    const full = { $gte: [failures, maxFailures] }
    const unlessResting = (field: string, value: unknown) => ({ $cond: [resting, `$${field}`, value] })
    const before = await login_throttles.findOneAndUpdate(
      { _id: email },
      [
        {
          $set: {
            failures: unlessResting('failures', { $cond: [full, 0, failures] }),
            locked_until: unlessResting('locked_until', { $cond: [full, new Date(now.getTime() + cooldownMs), null] }),
            updated_at: unlessResting('updated_at', now),
          },
        },
      ],
      { upsert: true, returnDocument: 'before' },
    )
    const leftMs = (before?.locked_until?.getTime() ?? 0) - now.getTime()
    if (leftMs > 0) throw rateLimited(leftMs / 1000)
  }

  async function clear(email: string): Promise<void> {
    await login_throttles.deleteOne({ _id: email })
  }

  return {
    clear,

    async attempt<T>(email: string, verify: () => Promise<T | undefined>) {
      const outcome = await turns.run(email, async () => {
        await take(email).catch((error: unknown) => {
          // The first attempts on two servers at the same moment: the other one has made the row.
          if (!isDuplicateKey(error)) throw error
          return take(email)
        })
        const result = await verify()
        if (result !== undefined) await clear(email)
        return result
      })
      return outcome as T | undefined
    },
  }
}
