// The mix as requests, one an iteration: who asks what, and which deed it is when it is acknowledged. Pure.

import type { Proposal } from '../../seed/proposals.ts'
import type { Deed } from '../lib/deeds.ts'
import type { MixSettings } from '../lib/settings.ts'
import { KINDS, type Kind } from './mix.ts'
import { another, type Member, type Prepared } from './prepare.ts'

export interface Planned {
  kind: Kind
  request: MixSettings['requests'][number]
  /** Absent for what only reads. What only the answer tells is null. */
  deed?: Omit<Deed, 'acknowledged'>
}

type Turn = Omit<Planned, 'kind'>

/** What only reads, by its path. */
const READS = {
  health: () => '/api/health',
  apps: () => '/api/apps',
  app: ({ app }) => app,
  members: ({ app }) => `${app}/members`,
  environments: ({ app }) => `${app}/environments`,
  profiles: ({ app }) => `${app}/runtime-profiles`,
  preferences: () => '/api/me/notification-preferences',
  workspaces: ({ app }) => `${app}/workspaces`,
  workspace: ({ workspace }) => workspace,
  changesets: ({ app, turn }) => `${app}/changesets?page=${(turn % 3) + 1}`,
  queue: ({ app }) => `${app}/changesets?state=queued`,
  changeset: ({ changeset }) => changeset,
  comments: ({ changeset }) => `${changeset}/comments`,
  releases: ({ app }) => `${app}/releases`,
  deployments: ({ app }) => `${app}/deployments`,
  jobs: ({ app }) => `${app}/jobs`,
  'temporary environments': ({ app }) => `${app}/temp-envs`,
  tree: ({ workspace }) => `${workspace}/files`,
  file: ({ workspace, file }) => `${workspace}/files?path=${encodeURIComponent(file)}`,
  diff: ({ changeset }) => `${changeset}/diff?format=semantic&mode=semantic`,
} as const satisfies Partial<Record<Kind, (where: Where) => string>>

interface Where {
  turn: number
  /** Paths of the app, and of what one person reads. */
  app: string
  workspace: string
  changeset: string
  file: string
}

type ReadKind = keyof typeof READS

/** `run`: stands in what is written, so that no branch has it yet. */
export function planMix(order: readonly Kind[], prepared: Prepared, run: string): Planned[] {
  const turns = new Map<Kind, number>()
  return order.map((kind) => {
    const turn = turns.get(kind) ?? 0
    turns.set(kind, turn + 1)
    return { kind, ...(isRead(kind) ? reading(kind, turn, prepared) : writing(kind, turn, prepared, run)) }
  })
}

function isRead(kind: Kind): kind is ReadKind {
  return kind in READS
}

function reading(kind: ReadKind, turn: number, prepared: Prepared): Turn {
  const { members } = prepared
  const member = atTurn(members, kind, turn)
  const app = pathOf(prepared)
  const path = READS[kind]({
    turn,
    app,
    workspace: `${app}/workspaces/${member.reading.workspaceId}`,
    changeset: `${app}/changesets/${member.reading.changesetId}`,
    file: member.reading.path,
  })
  return request(members, member, 'GET', path, kind)
}

function writing(kind: Exclude<Kind, ReadKind>, turn: number, prepared: Prepared, run: string): Turn {
  const { members, reviewers, managers } = prepared
  const app = pathOf(prepared)
  const member = atTurn(members, kind, turn)
  const manager = managers[turn % managers.length]!
  const asked = (who: Member, method: string, path: string, body: unknown, deed: DeedOf): Turn => ({
    ...request(members, who, method, `${app}${path}`, kind, body),
    deed: { actor: who.userId, entity: null, commit: null, title: null, author: null, ...deed },
  })
  switch (kind) {
    case 'write':
      return asked(
        member,
        'PUT',
        `/workspaces/${member.writingId}/files`,
        {
          path: `config/readiness/turn-${turn}.yaml`,
          content: Buffer.from(`run: ${run}\nturn: ${turn}\n`).toString('base64'),
          message: `Turn ${turn}`,
        },
        { name: 'file/written' },
      )
    case 'title': {
      const id = member.writingId
      const title = { title: `Turn ${turn}` }
      return asked(member, 'PATCH', `/workspaces/${id}`, title, { name: 'workspace/updated', entity: id })
    }
    case 'comment': {
      const path = `/changesets/${member.reading.changesetId}/comments`
      return asked(member, 'POST', path, { body: `Remark ${turn}` }, { name: 'comment/created' })
    }
    case 'begin': {
      const { author, workspaceId } = prepared.workspaces[turn]!
      const begun = { workspace_id: workspaceId, title: `Begun ${turn + 1} of ${run}` }
      return asked(author, 'POST', '/changesets', begun, { name: 'changeset/created' })
    }
    case 'submit': {
      const change = prepared.drafts[turn]!
      const author = members.find(({ userId }) => userId === change.author.userId)!
      return asked(author, 'POST', `${pathIn(change)}/submit`, {}, about('changeset/submitted', change))
    }
    case 'approve': {
      const change = prepared.submitted[turn]!
      const decision = { action: 'approve', decision: 'approved' }
      const reviewer = another(reviewers, turn, change.author)
      return asked(reviewer, 'POST', `${pathIn(change)}/review`, decision, about('changeset/approved', change))
    }
    case 'enqueue': {
      const change = prepared.approved[turn]!
      return asked(manager, 'POST', `${pathIn(change)}/queue`, {}, about('changeset/queued', change))
    }
    case 'release':
      return asked(manager, 'POST', '/releases', {}, { name: 'release/created' })
  }
}

type DeedOf = Pick<Deed, 'name'> & Partial<Deed>

function about(name: Deed['name'], { changesetId, title, author }: Proposal): DeedOf {
  return { name, entity: changesetId, title, author: author.userId }
}

function pathIn({ changesetId }: Proposal): string {
  return `/changesets/${changesetId}`
}

function pathOf({ team }: Prepared): string {
  return `/api/apps/${team.app.id}`
}

/** People take turns. Kinds begin at different people, so that nobody is the first to do everything. */
function atTurn(members: readonly Member[], kind: Kind, turn: number): Member {
  return members[(turn + KINDS.indexOf(kind) * 7) % members.length]!
}

function request(
  members: readonly Member[],
  who: Member,
  method: string,
  path: string,
  kind: Kind,
  body?: unknown,
): Pick<Turn, 'request'> {
  return {
    request: {
      user: members.findIndex(({ userId }) => userId === who.userId) + 1,
      method,
      path,
      name: `${method} ${path.split('?', 1)[0]!.replace(/[0-9a-f]{24}/g, '{id}')}`,
      holds: kind === 'health' ? 'components' : 'data',
      ...(body === undefined ? {} : { body }),
    },
  }
}
