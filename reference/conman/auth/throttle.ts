/**
 * Login throttling (S8): after a number of failures for one e-mail address in a row, that address rests for a while.
 *
 * The count lives in MongoDB, so that a restart or a second instance does not start it anew, and it is kept for unknown
 * addresses too, so that it tells nothing about which exist. Within a process, attempts on one address take turns: guesses
 * sent all at once count one after the other.
 */
import { rateLimited } from '../http/errors.ts'
import { createKeyedLock } from '../keyed-lock.ts'
import type { Services } from '../services.ts'

export interface LoginThrottle {
  /** Runs one attempt, which answers undefined when the credentials are wrong. */
  attempt<T>(email: string, verify: () => Promise<T | undefined>): Promise<T | undefined>
}

export function createLoginThrottle(services: Services): LoginThrottle {
  const { maxFailures, cooldownMs } = services.config.login
  const turns = createKeyedLock<unknown>()

  async function refuseWhileLocked(email: string): Promise<void> {
    const throttle = await services.store.data.login_throttles.findOne({ _id: email })
    const leftMs = (throttle?.locked_until?.getTime() ?? 0) - Date.now()
    if (leftMs > 0) throw rateLimited(leftMs / 1000)
  }

  async function countFailure(email: string): Promise<void> {
    const now = new Date()
    // The failure that fills the count starts the rest; when the rest is over, counting begins anew.
    const failures = { $add: [{ $ifNull: ['$failures', 0] }, 1] }
    const full = { $gte: [failures, maxFailures] }
    await services.store.data.login_throttles.updateOne(
      { _id: email },
      [
        {
          $set: {
            failures: { $cond: [full, 0, failures] },
            locked_until: { $cond: [full, new Date(now.getTime() + cooldownMs), null] },
            updated_at: now,
          },
        },
      ],
      { upsert: true },
    )
  }

  return {
    async attempt<T>(email: string, verify: () => Promise<T | undefined>) {
      const outcome = await turns.run(email, async () => {
        await refuseWhileLocked(email)
        const result = await verify()
        if (result === undefined) await countFailure(email)
        else await services.store.data.login_throttles.deleteOne({ _id: email })
        return result
      })
      return outcome as T | undefined
    },
  }
}
