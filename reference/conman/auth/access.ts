/** Who may use a route: the lowest role that it asks for, against the caller's role on the app in the path. */
import { forbidden } from '../http/errors.ts'
import { atLeast, type Role } from '../roles.ts'
import type { Principal } from './service.ts'

/** A route as it was asked for. */
export interface Asked {
  method: string
  /** The pattern, such as `/api/apps/:appId`. */
  route: string
  params: Readonly<Record<string, string>>
}

export interface Access {
  /** Refuses, with 403, whoever has no such role. */
  demand(principal: Principal, lowest: Role, asked: Asked): void
}

export function createAccess(): Access {
  return {
    demand({ membership }, lowest) {
      // An app that does not exist and one that the caller is no member of look the same.
      if (membership === undefined) throw forbidden('no role on this app')
      if (!atLeast(membership.role, lowest)) throw forbidden(`this needs the role ${lowest} or higher`)
    },
  }
}
