/** An environment as the API shows it. */
import { Type } from 'typebox'
import { DATES, Id, nullable } from '../http/schemas.ts'
import type { EnvironmentDocument } from '../mongo/documents.ts'

export const Environment = Type.Object({
  id: Id,
  app_id: Id,
  name: Type.String(),
  position: Type.Integer({ minimum: 0 }),
  is_canonical: Type.Boolean(),
  runtime_profile_id: nullable(Id),
  ...DATES,
})

export function presentEnvironment(environment: EnvironmentDocument) {
  return {
    id: environment._id,
    app_id: environment.app_id,
    name: environment.name,
    position: environment.position,
    is_canonical: environment.is_canonical,
    runtime_profile_id: environment.runtime_profile_id,
    created_at: environment.created_at,
    updated_at: environment.updated_at,
  }
}
