/** Profiles and their revisions as the API shows them: secrets are masked. */
import { Type } from 'typebox'
import { DATES, EnvVarsSchema, Id, Moment, nullable, oneOf } from '../http/schemas.ts'
import { PROFILE_KINDS, type RuntimeProfileDocument, type RuntimeProfileRevisionDocument } from '../mongo/documents.ts'
import { maskSecrets } from './mask.ts'
import type { SecretBox } from './secret-box.ts'

export const Profile = Type.Object({
  id: Id,
  app_id: Id,
  name: Type.String(),
  kind: oneOf(PROFILE_KINDS),
  base_url: Type.String(),
  env_vars: EnvVarsSchema,
  secrets: Type.Record(Type.String(), Type.String()),
  database_engine: Type.String(),
  connection_ref: Type.String(),
  provisioning_mode: Type.String(),
  base_profile_id: nullable(Id),
  migration_paths: Type.Array(Type.String()),
  migration_command: nullable(Type.String()),
  revision: Type.Integer({ minimum: 1 }),
  ...DATES,
})

export const ProfileRevision = Type.Object({
  id: Id,
  profile_id: Id,
  app_id: Id,
  revision: Type.Integer({ minimum: 1 }),
  snapshot: Profile,
  created_by: nullable(Id),
  created_at: Moment,
})

export function presentProfile(secrets: SecretBox, profile: RuntimeProfileDocument) {
  return {
    id: profile._id,
    app_id: profile.app_id,
    name: profile.name,
    kind: profile.kind,
    base_url: profile.base_url,
    env_vars: profile.env_vars,
    secrets: maskSecrets(secrets.open(profile._id, profile)),
    database_engine: profile.database_engine,
    connection_ref: profile.connection_ref,
    provisioning_mode: profile.provisioning_mode,
    base_profile_id: profile.base_profile_id,
    migration_paths: profile.migration_paths,
    migration_command: profile.migration_command,
    revision: profile.revision,
    created_at: profile.created_at,
    updated_at: profile.updated_at,
  }
}

/** Rows that Conman itself wrote do not say who made them. */
export function presentRevision(secrets: SecretBox, row: RuntimeProfileRevisionDocument) {
  return {
    id: row._id,
    profile_id: row.profile_id,
    app_id: row.app_id,
    revision: row.revision,
    snapshot: presentProfile(secrets, row.snapshot),
    created_by: row.created_by ?? null,
    created_at: row.created_at,
  }
}

/** Where the API has it: what mails point to. */
export function profilePath({ app_id, _id }: Pick<RuntimeProfileDocument, '_id' | 'app_id'>): string {
  return `/api/apps/${app_id.toHexString()}/runtime-profiles/${_id.toHexString()}`
}
