/** Overrides on the wire. */
import { Type } from 'typebox'
import { DATES, EnvValueSchema, Id, nullable, optional } from '../http/schemas.ts'

export const OverrideInput = Type.Object({
  key: Type.String(),
  value: EnvValueSchema,
  target_profile_id: optional(Type.String()),
})

export const Override = Type.Object({
  id: Id,
  app_id: Id,
  changeset_id: Id,
  key: Type.String(),
  value: EnvValueSchema,
  target_profile_id: nullable(Id),
  ...DATES,
})
