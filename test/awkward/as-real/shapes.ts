// Names, shapes and routes of the real Conman: only the fields that it has, only the routes that it has, only the spelling of
// a body that it understands.

import {
  type Difference,
  type Fields,
  fields,
  isObject,
  isSuccess,
  mapObjects,
  operationOf,
  parsed,
  partsOf,
  rewrite,
  text,
  unknownRoute,
} from './difference.ts'

const COMMON = ['id', 'app_id', 'created_at', 'updated_at']

/** What tells a thing by its fields, and which it has (contract §2.4–2.14). */
const SHAPES: readonly { id: string; tells: string; fields: readonly string[] }[] = [
  {
    id: 'HD66',
    tells: 'submitted_head_sha',
    fields:
      'workspace_id title description state author_user_id head_sha submitted_head_sha revision approvals queue_position queued_at'.split(
        ' ',
      ),
  },
  {
    id: 'HD84',
    tells: 'ordered_changeset_ids',
    fields: 'tag state ordered_changeset_ids compose_job_id published_sha published_at published_by'.split(' '),
  },
  {
    id: 'HD89',
    tells: 'is_concurrent_batch',
    fields:
      'environment_id release_id state is_skip_stage is_concurrent_batch approvals job_id started_at finished_at created_by'.split(
        ' ',
      ),
  },
  {
    id: 'HD101',
    tells: 'grace_expires_at',
    fields:
      'kind source_id owner_user_id state base_profile_id runtime_profile_id url db_name idle_ttl_seconds grace_ttl_seconds last_activity_at expires_at grace_expires_at'.split(
        ' ',
      ),
  },
  {
    id: 'HD105',
    tells: 'job_type',
    fields:
      'job_type state entity_type entity_id payload result error_message retry_count max_retries timeout_ms created_by started_at finished_at'.split(
        ' ',
      ),
  },
  { id: 'HD105', tells: 'level', fields: ['job_id', 'level', 'message', 'timestamp'] },
  { id: 'HD77', tells: 'edits', fields: ['changeset_id', 'author_user_id', 'body', 'edits'] },
  {
    id: '§2.8',
    tells: 'base_ref_type',
    fields: ['owner_user_id', 'branch_name', 'title', 'is_default', 'base_ref_type', 'base_ref_value', 'head_sha'],
  },
]

/** Of these answers the real one has only these members. */
const ENVELOPES: readonly { id: string; operation: RegExp; fields: readonly string[] }[] = [
  { id: 'HD65', operation: /^POST changesets\/:\/(re)?submit$/, fields: ['changeset', 'job'] },
  { id: 'HD76', operation: /^GET changesets\/:\/diff$/, fields: ['format', 'content'] },
]

/** In the epics, and not in the router (contract §2.15). */
const ABSENT: Readonly<Record<string, string>> = {
  'PATCH members/:': 'HD39',
  'DELETE members/:': 'HD39',
  'DELETE invites/:': '§2.15',
  'POST invites/:/resend': '§2.15',
  'GET queue': 'HD75',
  'POST queue/reorder': 'HD75',
  'PATCH changesets/:/comments/:': 'HD77',
  'POST changesets/:/analyze': '§2.15',
  'POST changesets/:/chat': '§2.15',
  'GET changesets/:/profile-overrides': '§2.15',
  'PUT changesets/:/profile-overrides': '§2.15',
  'GET runtime-profiles/:/revisions': '§2.15',
  'POST runtime-profiles/:/revert': '§2.15',
  'POST runtime-profiles/:/rotate-key': '§2.15',
  'POST environments/:/create-drift-fix-changeset': '§2.15',
  'GET audit': 'HD113',
}

/** What a body must have, and all that is understood of it; in the spelling of the real one. */
const BODIES: Readonly<Record<string, { id: string; wants: readonly string[]; knows: readonly string[] }>> = {
  'POST changesets/:/review': { id: 'HD63', wants: ['action'], knows: [] },
  'POST releases': { id: 'HD79', wants: [], knows: [] },
  'POST releases/:/changesets': { id: 'HD80', wants: ['changeset_ids'], knows: [] },
  'POST releases/:/reorder': { id: 'HD80', wants: ['changeset_ids'], knows: [] },
  'POST environments/:/deploy': {
    id: 'HD88',
    wants: ['release_id'],
    knows: ['is_skip_stage', 'is_concurrent_batch', 'approvals'],
  },
  'POST environments/:/promote': {
    id: 'HD88',
    wants: ['release_id'],
    knows: ['is_skip_stage', 'is_concurrent_batch', 'approvals'],
  },
  'POST environments/:/rollback': { id: 'HD97', wants: ['release_id', 'mode'], knows: ['approvals'] },
  'POST temp-envs': { id: 'HD100', wants: ['kind', 'source_id'], knows: ['base_profile_id', 'runtime_profile_id'] },
}

export const shapes: Difference[] = [
  {
    id: 'HD39 HD75 HD77 HD113 §2.15',
    what: 'routes of the epics are absent',
    before: (asked) => (ABSENT[operationOf(asked)] === undefined ? undefined : unknownRoute()),
  },
  {
    id: 'HD63 HD79 HD80 HD88 HD97 HD100',
    what: 'only its own spelling of a body is understood',
    before(asked) {
      const form = BODIES[operationOf(asked)]
      if (form === undefined) return undefined
      const body = fields(asked)
      const missing = form.wants.find((name) => body[name] === undefined || body[name] === null)
      if (missing !== undefined) {
        return text(422, `Failed to deserialize the JSON body into the target type: missing field \`${missing}\``)
      }
      const known = [...form.wants, ...form.knows].filter((name) => body[name] !== undefined)
      rewrite(asked, Object.fromEntries(known.map((name) => [name, body[name]])))
      asked.headers = { ...asked.headers, 'content-type': 'application/json' }
      return undefined
    },
  },
  {
    id: 'HD66 HD77 HD84 HD89 HD101 HD105',
    what: 'things have only the fields that it has',
    after(asked, answer) {
      const body = parsed(answer)
      if (!isSuccess(answer) || !isObject(body) || partsOf(asked.path).length === 0) return undefined
      return { ...answer, body: Buffer.from(JSON.stringify(mapObjects(body, asItHasThem))) }
    },
  },
  {
    id: 'HD65 HD76',
    what: 'answers have only the members that it has',
    after(asked, answer) {
      const form = ENVELOPES.find(({ operation }) => operation.test(operationOf(asked)))
      const body = fields(answer)
      if (form === undefined || !isObject(body.data)) return undefined
      return { ...answer, body: Buffer.from(JSON.stringify({ ...body, data: pick(body.data, form.fields) })) }
    },
  },
  {
    id: 'HD99',
    what: 'a release stays published, however it is deployed',
    after(asked, answer) {
      const body = parsed(answer)
      if (!isObject(body) || !partsOf(asked.path).includes('releases')) return undefined
      const stays = mapObjects(body, (object) =>
        /^(deployed_\w+|rolled_back)$/.test(String(object.state)) ? { ...object, state: 'published' } : object,
      )
      return { ...answer, body: Buffer.from(JSON.stringify(stays)) }
    },
  },
]

function asItHasThem(object: Fields): Fields {
  const shape = SHAPES.find(({ tells }) => tells in object)
  return shape === undefined ? object : pick(object, [...COMMON, ...shape.fields])
}

function pick(object: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(object).filter(([name]) => names.includes(name)))
}
