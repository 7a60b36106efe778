/** Who asks, and on which request: what services need to know of the HTTP side, and nothing more. */
import type { ObjectId } from 'mongodb'

export interface User {
  id: ObjectId
  email: string
  name: string
}

export interface Origin {
  requestId: string
  ip: string | null
  userAgent: string | null
  /** When the request's time on the git backend is over, on the clock of `performance.now()`. */
  gitUntilMs: number
}

/** A signed-in caller on one request. */
export interface Caller extends Origin {
  user: User
}
