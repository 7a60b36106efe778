/**
 * Several writes as one: all of them are stored, or none.
 *
 * The driver's own helper repeats for up to two minutes; a request has seconds. So the rules for repeating are here: a
 * transaction that met another one, or an election, is run again from its beginning; a commit whose answer was lost is asked
 * for again, which commits at most once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClientSession, MongoError, ReadPreference } from 'mongodb'

const LIMIT_MS = 8_000
const FIRST_WAIT_MS = 5
const MAX_WAIT_MS = 200

const OPTIONS = {
  readPreference: ReadPreference.primary,
  readConcern: { level: 'local' },
  writeConcern: { w: 'majority', journal: true, wtimeoutMS: 10_000 },
} as const

/** `work` may run several times: it changes nothing but through the session, one operation after the other. */
export async function inTransaction<T>(session: ClientSession, work: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + LIMIT_MS
  for (let attempt = 1; ; attempt += 1) {
    session.startTransaction(OPTIONS)
    try {
      const result = await work()
      await commit(session, untilMs)
      return result
    } catch (error) {
      if (session.inTransaction()) await session.abortTransaction().catch(() => undefined)
      const again = error instanceof MongoError && error.hasErrorLabel('TransientTransactionError')
      const waitMs = Math.random() * Math.min(FIRST_WAIT_MS * 2 ** attempt, MAX_WAIT_MS)
      if (!again || performance.now() + waitMs >= untilMs) throw error
      await sleep(waitMs)
    }
  }
}

async function commit(session: ClientSession, untilMs: number): Promise<void> {
  for (;;) {
    try {
      await session.commitTransaction()
      return
    } catch (error) {
      const unknown = error instanceof MongoError && error.hasErrorLabel('UnknownTransactionCommitResult')
      if (!unknown || performance.now() >= untilMs) throw error
    }
  }
}
