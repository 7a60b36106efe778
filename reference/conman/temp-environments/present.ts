/** A temporary environment as the API shows it. */
import { Type } from 'typebox'
import { DATES, EnvVarsSchema, Id, Moment, nullable, oneOf, Sha } from '../http/schemas.ts'
import { TEMP_ENVIRONMENT_KINDS, TEMP_ENVIRONMENT_STATES, type TempEnvironmentDocument } from '../mongo/documents.ts'

export const TempEnvironment = Type.Object({
  id: Id,
  app_id: Id,
  kind: oneOf(TEMP_ENVIRONMENT_KINDS),
  source_id: Type.String(),
  owner_user_id: Id,
  state: oneOf(TEMP_ENVIRONMENT_STATES),
  base_profile_id: nullable(Id),
  runtime_profile_id: nullable(Id),
  env_var_overrides: EnvVarsSchema,
  url: Type.String(),
  db_name: Type.String(),
  branch_name: nullable(Type.String()),
  head_sha: nullable(Sha),
  idle_ttl_seconds: Type.Integer({ minimum: 0 }),
  grace_ttl_seconds: Type.Integer({ minimum: 0 }),
  last_activity_at: Moment,
  expires_at: Moment,
  grace_expires_at: nullable(Moment),
  expiry_warning_sent: Type.Boolean(),
  ...DATES,
})

/** Rows that Conman itself wrote lack what only the specification has. */
export function presentTempEnvironment(environment: TempEnvironmentDocument) {
  return {
    id: environment._id,
    app_id: environment.app_id,
    kind: environment.kind,
    source_id: environment.source_id,
    owner_user_id: environment.owner_user_id,
    state: environment.state,
    base_profile_id: environment.base_profile_id,
    runtime_profile_id: environment.runtime_profile_id,
    env_var_overrides: environment.env_var_overrides ?? {},
    url: environment.url,
    db_name: environment.db_name,
    branch_name: environment.branch_name ?? null,
    head_sha: environment.head_sha ?? null,
    idle_ttl_seconds: environment.idle_ttl_seconds,
    grace_ttl_seconds: environment.grace_ttl_seconds,
    last_activity_at: environment.last_activity_at,
    expires_at: environment.expires_at,
    grace_expires_at: environment.grace_expires_at,
    expiry_warning_sent: environment.expiry_warning_sent ?? false,
    created_at: environment.created_at,
    updated_at: environment.updated_at,
  }
}

/** Where the API has it: what mails point to. */
export function tempEnvironmentPath({ app_id, _id }: Pick<TempEnvironmentDocument, '_id' | 'app_id'>): string {
  return `/api/apps/${app_id.toHexString()}/temp-envs/${_id.toHexString()}`
}
