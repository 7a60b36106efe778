/** Who asks, and on which request: what services need to know of the HTTP side, and nothing more. */
import type { ObjectId } from 'mongodb'
import type { Role } from '../roles.ts'

export interface User {
  id: ObjectId
  email: string
  name: string
  /** Sessions from before this moment are void. */
  tokensValidAfter?: Date | null
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
  /** The caller's role on the path's app, as it is stored at this moment; undefined outside of an app. */
  role: Role | undefined
}
