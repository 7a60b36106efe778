// Routes of environments and runtime profiles.

import { at, type Call, type ListCall, many, one } from './call.ts'
import type { Fields } from './fields.ts'

export interface Environment {
  id: string
  name: string
  position: number
  isCanonical: boolean
  profileId: string | null
}

export interface NewEnvironment {
  name: string
  isCanonical?: boolean
  profileId?: string
}

/** `{"type":"string","value":"x"}`. */
export type EnvValue = { type: 'string' | 'number' | 'boolean' | 'json'; value: unknown }

export interface Profile {
  id: string
  name: string
  revision: number
  /** Masked. */
  secrets: Readonly<Record<string, unknown>>
}

export interface NewProfile {
  name: string
  kind?: 'persistent_env' | 'temp_workspace' | 'temp_changeset'
  baseUrl?: string
  envVars?: Readonly<Record<string, EnvValue>>
  secrets?: Readonly<Record<string, string>>
}

export const listEnvironments = (appId: string): ListCall<Environment> => ({
  what: 'listing environments',
  method: 'GET',
  ...at('/api/apps/{appId}/environments', { appId }),
  decode: many('environments', environmentOf),
})

/** The whole set, in order. Real gives every environment a new id at each call (HD41): read the ids of the answer. */
export const setEnvironments = (appId: string, environments: readonly NewEnvironment[]): Call<Environment[]> => ({
  what: 'setting the environments',
  method: 'PATCH',
  ...at('/api/apps/{appId}/environments', { appId }),
  body: {
    environments: environments.map(({ name, isCanonical = false, profileId }, position) => ({
      name,
      position,
      is_canonical: isCanonical,
      ...(profileId === undefined ? {} : { runtime_profile_id: profileId }),
    })),
  },
  decode: many('environments', environmentOf, 'environments'),
  makes: environments.map(({ name }) => ({
    kind: 'environment' as const,
    name,
    app_id: appId,
    idOf: (made) => made.find((environment) => environment.name === name)?.id ?? null,
  })),
})

export const listProfiles = (appId: string): ListCall<Profile> => ({
  what: 'listing runtime profiles',
  method: 'GET',
  ...at('/api/apps/{appId}/runtime-profiles', { appId }),
  decode: many('runtime profiles', profileOf),
})

export const createProfile = (appId: string, profile: NewProfile): Call<Profile> => ({
  what: `creating the runtime profile ${profile.name}`,
  method: 'POST',
  ...at('/api/apps/{appId}/runtime-profiles', { appId }),
  body: {
    name: profile.name,
    kind: profile.kind ?? 'persistent_env',
    base_url: profile.baseUrl ?? 'https://dev.example.test',
    database_engine: 'mongodb',
    connection_ref: 'readiness',
    provisioning_mode: 'managed',
    env_vars: profile.envVars ?? {},
    secrets: profile.secrets ?? {},
  },
  decode: one('a runtime profile', profileOf),
  makes: [{ kind: 'profile', name: profile.name, app_id: appId, idOf: ({ id }) => id }],
  lookUp: async (all) => (await all(listProfiles(appId))).find(({ name }) => name === profile.name),
})

export const readProfile = (appId: string, profileId: string): Call<Profile> => ({
  what: 'reading a runtime profile',
  method: 'GET',
  ...at('/api/apps/{appId}/runtime-profiles/{profileId}', { appId, profileId }),
  decode: one('a runtime profile', profileOf),
})

/** A map takes the place of the whole present one; what is absent stays. */
export const changeProfile = (
  appId: string,
  profileId: string,
  { name, baseUrl, envVars, secrets }: Partial<NewProfile>,
): Call<Profile> => ({
  what: 'changing a runtime profile',
  method: 'PATCH',
  ...at('/api/apps/{appId}/runtime-profiles/{profileId}', { appId, profileId }),
  body: { name, base_url: baseUrl, env_vars: envVars, secrets },
  decode: one('a runtime profile', profileOf),
})

export const revealSecret = (appId: string, profileId: string, key: string): Call<string> => ({
  what: 'revealing a secret',
  method: 'POST',
  ...at('/api/apps/{appId}/runtime-profiles/{profileId}/secrets/{key}/reveal', { appId, profileId, key }),
  decode: one('a secret', (row) => row.text('value')),
})

/** Newest first. In the specification only, like the next two. */
export const listRevisions = (appId: string, profileId: string): ListCall<{ id: string; revision: number }> => ({
  what: 'listing the revisions of a runtime profile',
  method: 'GET',
  ...at('/api/apps/{appId}/runtime-profiles/{profileId}/revisions', { appId, profileId }),
  decode: many('revisions', (row) => ({ id: row.text('id'), revision: row.number('revision') })),
})

export const revertProfile = (appId: string, profileId: string, revision: number): Call<Profile> => ({
  what: 'going back to a revision of a runtime profile',
  method: 'POST',
  ...at('/api/apps/{appId}/runtime-profiles/{profileId}/revert', { appId, profileId }),
  body: { revision },
  decode: one('a runtime profile', profileOf),
})

export const rotateKey = (appId: string, profileId: string): Call<{ secretsRotated: number }> => ({
  what: 'renewing the key of a runtime profile',
  method: 'POST',
  ...at('/api/apps/{appId}/runtime-profiles/{profileId}/rotate-key', { appId, profileId }),
  decode: one('a rotation', (row) => ({ secretsRotated: row.number('secrets_rotated') })),
})

function environmentOf(row: Fields): Environment {
  return {
    id: row.text('id'),
    name: row.text('name'),
    position: row.number('position'),
    isCanonical: row.flag('is_canonical'),
    profileId: row.textOrNull('runtime_profile_id'),
  }
}

function profileOf(row: Fields): Profile {
  return {
    id: row.text('id'),
    name: row.text('name'),
    revision: row.number('revision'),
    secrets: row.objectOrNull('secrets')?.raw ?? {},
  }
}
