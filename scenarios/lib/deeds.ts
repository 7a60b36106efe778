// What people and jobs did under a load, and what E11 wants told of each: the name of its row in the audit log, and who is
// mailed about it. Pure.

import { type Static, Type } from 'typebox'

const TextOrNull = Type.Union([Type.String(), Type.Null()])

/** E11's roles, by who is told. */
const ALL = ['user', 'reviewer', 'config_manager', 'app_admin'] as const
const REVIEWERS = ['reviewer', 'config_manager', 'app_admin'] as const
const MANAGERS = ['config_manager', 'app_admin'] as const

interface Rule {
  /** Its row is known by the commit that it made; otherwise by the id of the thing. */
  byCommit?: true
  /** What a Conman calls it that does not use E11's names (data-and-runtime §3.7, column REAL). */
  also?: readonly string[]
  mail?: { event: string; roles: readonly string[]; author?: true }
}

/** By E11's name: data-and-runtime §3.7 (audit) and §3.8 (mails), specified-only chapters 7 and 8. */
export const E11 = {
  'workspace/created': {},
  'workspace/updated': {},
  'file/written': { byCommit: true, also: ['workspace/file_written'] },
  'comment/created': { also: ['changeset_comment/created'] },
  'changeset/created': {},
  'changeset/submitted': { mail: { event: 'changeset_submitted', roles: REVIEWERS } },
  'changeset/approved': {
    also: ['changeset/reviewed'],
    mail: { event: 'changeset_approved', roles: [], author: true },
  },
  'changeset/queued': { mail: { event: 'changeset_queued', roles: MANAGERS, author: true } },
  'release/created': { mail: { event: 'release_created', roles: MANAGERS } },
  'deployment/started': {
    also: ['deployment/created'],
    mail: { event: 'deployment_started', roles: MANAGERS },
  },
  'deployment/succeeded': { mail: { event: 'deployment_succeeded', roles: ALL } },
} as const satisfies Record<string, Rule>

export type DeedName = keyof typeof E11

export function ruleOf(name: DeedName): Rule {
  return E11[name]
}

export const DeedSchema = Type.Object(
  {
    name: Type.Unsafe<DeedName>(Type.Union(Object.keys(E11).map((name) => Type.Literal(name)))),
    /** A user's id; null for what a job did. */
    actor: TextOrNull,
    /** The id of the thing; null where the answer did not tell. */
    entity: TextOrNull,
    commit: TextOrNull,
    /** By which a mail about it is known; null where mails of its kind do not name one thing. */
    title: TextOrNull,
    /** Of the changeset. */
    author: TextOrNull,
    /** The target said that it is done. Otherwise it may be or not, and nothing is asked of it. */
    acknowledged: Type.Boolean(),
  },
  { additionalProperties: false },
)
export type Deed = Static<typeof DeedSchema>

export const AftermathSchema = Type.Object(
  {
    deeds: Type.Array(DeedSchema),
    /** Everybody in the app. */
    people: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          role: Type.String(),
          /** Null where it is not known: somebody who is not of the run. */
          wants_mails: Type.Union([Type.Boolean(), Type.Null()]),
        },
        { additionalProperties: false },
      ),
    ),
    /** Rows about the deeds. Null: neither the database nor an audit route could be read. */
    audit: Type.Union([
      Type.Null(),
      Type.Object(
        {
          source: Type.Union([Type.Literal('mongo'), Type.Literal('http')]),
          waited_ms: Type.Integer(),
          rows: Type.Array(
            Type.Object(
              { name: Type.String(), entity: TextOrNull, commit: TextOrNull, actor: TextOrNull },
              { additionalProperties: false },
            ),
          ),
        },
        { additionalProperties: false },
      ),
    ]),
    /** Mails of the app about events of the deeds. Null: the outbox could not be read. */
    mails: Type.Union([
      Type.Null(),
      Type.Object(
        {
          waited_ms: Type.Integer(),
          /** Lines of the outbox that are no mail. */
          unreadable: Type.Integer(),
          /** False: the outbox was replaced, or holds more than is read. */
          whole: Type.Boolean(),
          sent: Type.Array(
            Type.Object(
              {
                event: Type.String(),
                /** Of the people; null: somebody else. */
                to: TextOrNull,
                /** Which of the deeds' titles its subject names; null: none. */
                title: TextOrNull,
              },
              { additionalProperties: false },
            ),
          ),
        },
        { additionalProperties: false },
      ),
    ]),
  },
  { additionalProperties: false },
)
export type Aftermath = Static<typeof AftermathSchema>
