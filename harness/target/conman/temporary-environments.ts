// Routes of temporary environments.

import { at, type Call, type ListCall, many, one } from './call.ts'
import type { Fields } from './fields.ts'
import { type Job, jobIn } from './jobs.ts'

const TEMPORARY = '/api/apps/{appId}/temp-envs'
const ONE = `${TEMPORARY}/{tempEnvId}`

export interface TemporaryEnvironment {
  id: string
  state: string
  sourceId: string | null
  ownerId: string | null
  expiresAt: string | null
  graceUntil: string | null
}

export interface Changed {
  environment: TemporaryEnvironment
  job: Job | null
}

export interface Source {
  kind: 'workspace' | 'changeset'
  id: string
}

/** Newest first. */
export const listTemporary = (appId: string): ListCall<TemporaryEnvironment> => ({
  what: 'listing temporary environments',
  method: 'GET',
  ...at(TEMPORARY, { appId }),
  decode: many('temporary environments', temporaryOf),
})

/** Said both ways (HD100). */
export const createTemporary = (appId: string, source: Source): Call<Changed> => ({
  what: 'making a temporary environment',
  method: 'POST',
  ...at(TEMPORARY, { appId }),
  body: { kind: source.kind, source_id: source.id, [`${source.kind}_id`]: source.id },
  decode: one('a temporary environment', changedOf),
  makes: [
    { kind: 'temp-env', name: `${source.kind} ${source.id}`, app_id: appId, idOf: (made) => made.environment.id },
  ],
  async lookUp(all) {
    const newest = (await all(listTemporary(appId))).find(({ sourceId }) => sourceId === source.id)
    return newest && { environment: newest, job: null }
  },
})

/** Said both ways (HD102). */
export const extendTemporary = (appId: string, tempEnvId: string, hours: number): Call<Changed> => ({
  what: 'extending a temporary environment',
  method: 'POST',
  ...at(`${ONE}/extend`, { appId, tempEnvId }),
  body: { hours, seconds: hours * 3_600 },
  decode: one('a temporary environment', changedOf),
})

export const undoExpire = (appId: string, tempEnvId: string): Call<Changed> => ({
  what: 'bringing a temporary environment back',
  method: 'POST',
  ...at(`${ONE}/undo-expire`, { appId, tempEnvId }),
  decode: one('a temporary environment', changedOf),
})

/** The job that clears it away; null where the answer has none (204, HD15). */
export const deleteTemporary = (appId: string, tempEnvId: string): Call<Job | null> => ({
  what: 'deleting a temporary environment',
  method: 'DELETE',
  ...at(ONE, { appId, tempEnvId }),
  decode: (data) => (data === undefined ? null : one('a temporary environment', jobIn)(data)),
})

function changedOf(row: Fields): Changed {
  return { environment: temporaryOf(row.objectOrNull('temp_env') ?? row), job: jobIn(row) }
}

function temporaryOf(row: Fields): TemporaryEnvironment {
  return {
    id: row.text('id'),
    state: row.text('state'),
    sourceId: row.textOrNull('source_id', 'workspace_id', 'changeset_id'),
    ownerId: row.textOrNull('owner_user_id', 'created_by'),
    expiresAt: row.textOrNull('expires_at'),
    graceUntil: row.textOrNull('grace_expires_at', 'grace_until'),
  }
}
