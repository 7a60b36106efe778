// Who is let in where, from the table: pure.

import type { Role } from '../../harness/target/conman.ts'
import { ACTOR_NAMES, type ActorName } from '../lib/cast.ts'
import { OWNER, type Row } from './rows.ts'

export type Expected = 'let in' | 'refused' | 'either'

const RANKS: Readonly<Record<Role, number>> = { user: 0, reviewer: 1, config_manager: 2, app_admin: 3 }

/** The role that counts on the app at the moment of the request; whoever is not here has none. */
const ROLE_HERE: Partial<Record<ActorName, Role>> = {
  user: 'user',
  lowered: 'user',
  both: 'user',
  reviewer: 'reviewer',
  config_manager: 'config_manager',
  app_admin: 'app_admin',
}

/** Who asks, in the order of the matrix. */
export const COLUMNS: readonly ActorName[] = ACTOR_NAMES.filter((name) => name !== 'bystander')

/** Without a role on the app: nothing of it may be shown to them. */
export function isOutside(actor: ActorName): boolean {
  return ROLE_HERE[actor] === undefined
}

/** Without a session that counts. */
export function isUnknown(actor: ActorName): boolean {
  return actor === 'anonymous' || actor === 'expired'
}

export function expected({ lowest, own, debated }: Row, actor: ActorName): Expected {
  if (lowest === 'open') return debated ? 'either' : 'let in'
  if (isUnknown(actor)) return 'refused'
  if (lowest === 'in') return 'let in'
  const role = ROLE_HERE[actor]
  if (role === undefined || !atLeast(role, lowest)) return 'refused'
  if (own === undefined || actor === OWNER) return 'let in'
  if (own.also !== undefined && atLeast(role, own.also)) return 'let in'
  return own.perhaps !== undefined && atLeast(role, own.perhaps) ? 'either' : 'refused'
}

/** Who asks for this row. What is open is asked for by somebody without a token alone: nobody else has less. */
export function askersOf(row: Row): readonly ActorName[] {
  return row.lowest === 'open' ? ['anonymous'] : COLUMNS
}

/** Whoever is let in by the least that suffices: the owner, or else the lowest role. */
export function keyOf(row: Row): ActorName | undefined {
  const may = askersOf(row).filter((actor) => expected(row, actor) === 'let in')
  if (row.own !== undefined && may.includes(OWNER)) return OWNER
  const plain = may.filter((actor) => actor !== 'lowered' && actor !== 'both')
  const members = plain.filter((actor) => !isOutside(actor))
  return members[0] ?? plain[0]
}

function atLeast(role: Role, lowest: Role): boolean {
  return RANKS[role] >= RANKS[lowest]
}
