/** The four roles of an app. A higher one may do all that a lower one may. */
import { Type } from 'typebox'

export const ROLES = ['user', 'reviewer', 'config_manager', 'app_admin'] as const
export type Role = (typeof ROLES)[number]

export const RoleSchema = Type.Union(ROLES.map((role) => Type.Literal(role)))

export function atLeast(role: Role | undefined, lowest: Role): boolean {
  return role !== undefined && ROLES.indexOf(role) >= ROLES.indexOf(lowest)
}
