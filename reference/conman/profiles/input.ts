/**
 * What may be written into a profile.
 *
 * A profile is kept whole in every revision and listed whole with all others of its app, so all of it has a bound; what does
 * not fit in belongs into the repository.
 */
import { type Static, Type } from 'typebox'
import { validation } from '../http/errors.ts'
import { EnvVarsSchema, oneOf, optional } from '../http/schemas.ts'
import { PROFILE_KINDS } from '../mongo/documents.ts'
import { envKeyProblem, envValueProblem } from './env-vars.ts'

const REQUIRED = {
  name: Type.String(),
  base_url: Type.String(),
  database_engine: Type.String(),
  connection_ref: Type.String(),
  provisioning_mode: Type.String(),
}

const OPTIONAL = {
  env_vars: optional(EnvVarsSchema),
  secrets: optional(Type.Record(Type.String(), Type.String())),
  base_profile_id: optional(Type.String()),
  migration_paths: optional(Type.Array(Type.String())),
  migration_command: optional(Type.String()),
}

export const NewProfileBody = Type.Object({ ...REQUIRED, ...OPTIONAL, kind: oneOf(PROFILE_KINDS) })

/** What is absent or null stays as it is; the kind does in any case. */
export const ProfileChangesBody = Type.Object({
  name: optional(REQUIRED.name),
  base_url: optional(REQUIRED.base_url),
  database_engine: optional(REQUIRED.database_engine),
  connection_ref: optional(REQUIRED.connection_ref),
  provisioning_mode: optional(REQUIRED.provisioning_mode),
  ...OPTIONAL,
})

export type NewProfile = Static<typeof NewProfileBody>
export type ProfileFields = Static<typeof ProfileChangesBody>

/** A body has whatever somebody put into it; this is the part that is meant. */
export function fieldsOf<T extends ProfileFields>(body: T): T {
  const known = Object.entries(body).filter(([name]) => Object.hasOwn(ProfileChangesBody.properties, name))
  return Object.fromEntries(known) as T
}

/** All that one request gives, as JSON. */
const MAX_BYTES = 262_144
const MAX_NAME_LENGTH = 128
/** Each is decrypted for its mask whenever profiles are listed. */
const MAX_SECRETS = 100

export function requireAcceptable(given: ProfileFields): void {
  const { name, env_vars, secrets } = given
  if (typeof name === 'string') requireName(name)
  for (const [key, value] of Object.entries(env_vars ?? {})) {
    const problem = envKeyProblem(key) ?? envValueProblem(value)
    if (problem !== undefined) throw validation(`env_vars: ${problem}`)
  }
  if (secrets) requireSecrets(secrets)
  if (Buffer.byteLength(JSON.stringify(given)) > MAX_BYTES) {
    throw validation(`a profile must be at most ${MAX_BYTES} bytes large`)
  }
}

function requireName(name: string): void {
  if (name.trim() === '') throw validation('name must not be blank')
  if (name.length > MAX_NAME_LENGTH) throw validation(`name must be at most ${MAX_NAME_LENGTH} characters long`)
}

function requireSecrets(secrets: Readonly<Record<string, string>>): void {
  const entries = Object.entries(secrets)
  if (entries.length > MAX_SECRETS) throw validation(`at most ${MAX_SECRETS} secrets`)
  for (const [name, secret] of entries) {
    const problem = envKeyProblem(name)
    if (problem !== undefined) throw validation(`secrets: ${problem}`)
    // Half a character cannot be stored; what came back would be another secret.
    if (!secret.isWellFormed()) throw validation('secrets: values must be well-formed text')
  }
}
