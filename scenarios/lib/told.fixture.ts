// Changes of two people and what was told of them, all as it should be; for tests on evidence.

import type { Aftermath, Deed } from './deeds.ts'

export const PEOPLE: Aftermath['people'] = [
  { id: 'user-1', role: 'user', wants_mails: true },
  { id: 'user-2', role: 'user', wants_mails: true },
  { id: 'reviewer-1', role: 'reviewer', wants_mails: true },
  { id: 'manager-1', role: 'config_manager', wants_mails: true },
  { id: 'admin-1', role: 'app_admin', wants_mails: true },
]

function deed(name: Deed['name'], actor: string | null, more: Partial<Deed>): Deed {
  return { name, actor, entity: null, commit: null, title: null, author: null, acknowledged: true, ...more }
}

export function soundAftermath(): Aftermath {
  const deeds = [
    deed('file/written', 'user-1', { commit: 'c0ffee' }),
    deed('comment/created', 'user-2', { entity: 'comment-1' }),
    // Twice, one after the other.
    deed('workspace/updated', 'user-1', { entity: 'workspace-1' }),
    deed('workspace/updated', 'user-1', { entity: 'workspace-1' }),
    deed('changeset/submitted', 'reviewer-1', { entity: 'change-1', title: 'Change 1.', author: 'reviewer-1' }),
    deed('changeset/approved', 'reviewer-1', { entity: 'change-2', title: 'Change 2.', author: 'user-2' }),
    deed('changeset/queued', 'manager-1', { entity: 'change-2', title: 'Change 2.', author: 'user-2' }),
    deed('release/created', 'manager-1', { entity: 'release-1', title: 'r2026.11.25.1' }),
    deed('deployment/started', 'manager-1', { entity: 'deployment-1' }),
    deed('deployment/succeeded', null, { entity: 'deployment-1' }),
  ]
  return {
    deeds,
    people: structuredClone(PEOPLE),
    audit: {
      source: 'mongo',
      waited_ms: 12,
      rows: deeds.map(({ name, entity, commit, actor }) => ({
        name,
        entity: entity ?? 'workspace-1',
        commit,
        actor,
      })),
    },
    mails: {
      waited_ms: 2_100,
      unreadable: 0,
      whole: true,
      sent: [
        ...to('changeset_submitted', 'Change 1.', 'manager-1', 'admin-1'),
        ...to('changeset_approved', 'Change 2.', 'user-2'),
        ...to('changeset_queued', 'Change 2.', 'user-2', 'admin-1'),
        ...to('release_created', 'r2026.11.25.1', 'admin-1'),
        ...to('deployment_started', null, 'admin-1'),
        ...to('deployment_succeeded', null, 'user-1', 'user-2', 'reviewer-1', 'manager-1', 'admin-1'),
      ],
    },
  }
}

export function to(event: string, title: string | null, ...people: (string | null)[]) {
  return people.map((person) => ({ event, to: person, title }))
}
