/**
 * Reading one's own writes from a secondary.
 *
 * Lists and details may be served by a member that lags behind. Each one runs in a causally consistent session that begins
 * where the same user's last write through this process ended, so nobody misses what they have just been told is stored.
 */
import type { ClientSession, ClusterTime, MongoClient, Timestamp } from 'mongodb'
import { inTransaction } from './transaction.ts'

export interface Causality {
  /** Runs a write and remembers, for whoever it is done for, the moment at which it became visible. */
  write<T>(users: string | readonly string[], work: (session: ClientSession) => Promise<T>): Promise<T>
  /** Runs several writes as one (transaction.ts), and remembers the moment likewise. */
  transaction<T>(users: string | readonly string[], work: (session: ClientSession) => Promise<T>): Promise<T>
  /** Runs reads that see at least the last write of each of these users. */
  read<T>(users: string | readonly string[], work: (session: ClientSession) => Promise<T>): Promise<T>
}

/** When a write became visible, and the cluster's signed clock of that moment. */
interface Moment {
  operationTime: Timestamp
  clusterTime: ClusterTime | undefined
}

/** Enough for every user that a process serves at a time; the one who wrote longest ago is forgotten first. */
const REMEMBERED_USERS = 10_000

export function createCausality(client: MongoClient): Causality {
  const lastWrites = new Map<string, Moment>()

  function remember(user: string, { operationTime, clusterTime }: ClientSession): void {
    if (operationTime === undefined || lastWrites.get(user)?.operationTime.greaterThan(operationTime)) return
    lastWrites.delete(user)
    lastWrites.set(user, { operationTime, clusterTime })
    if (lastWrites.size > REMEMBERED_USERS) forgetOldest(lastWrites)
  }

  async function write<T>(users: string | readonly string[], work: (session: ClientSession) => Promise<T>): Promise<T> {
    const session = client.startSession({ causalConsistency: true })
    try {
      return await work(session)
    } finally {
      for (const user of [users].flat()) remember(user, session)
      await session.endSession()
    }
  }

  return {
    write,
    transaction: (users, work) => write(users, (session) => inTransaction(session, () => work(session))),
    async read(users, work) {
      const session = client.startSession({ causalConsistency: true })
      for (const user of [users].flat()) {
        const lastWrite = lastWrites.get(user)
        if (lastWrite === undefined) continue
        // A member refuses to wait for a moment that its own clock has not heard of: the signed clock goes along.
        if (lastWrite.clusterTime !== undefined) session.advanceClusterTime(lastWrite.clusterTime)
        session.advanceOperationTime(lastWrite.operationTime)
      }
      try {
        return await work(session)
      } finally {
        await session.endSession()
      }
    },
  }
}

function forgetOldest(lastWrites: Map<string, Moment>): void {
  const oldest = lastWrites.keys().next()
  if (!oldest.done) lastWrites.delete(oldest.value)
}
