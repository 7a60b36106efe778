// The mix: which requests make up normal load, how often each comes, and in which order. Pure, and the same every time. Logins
// are left out: their time is that of a password hash (decisions C1).

/** What a kind of request asks for, as a reader thinks of it. */
export type RequestClass = 'health' | 'reads' | 'lists' | 'git reads' | 'git writes' | 'writes'

/** How many of a hundred requests are of each kind. Reads are five in six, and every second minute somebody hands in. */
export const MIX = {
  health: { of: 'health', weight: 3 },
  apps: { of: 'lists', weight: 3 },
  app: { of: 'reads', weight: 4 },
  members: { of: 'lists', weight: 3 },
  environments: { of: 'lists', weight: 2 },
  profiles: { of: 'lists', weight: 2 },
  preferences: { of: 'reads', weight: 2 },
  workspaces: { of: 'lists', weight: 4 },
  workspace: { of: 'reads', weight: 4 },
  changesets: { of: 'lists', weight: 9 },
  queue: { of: 'lists', weight: 6 },
  changeset: { of: 'reads', weight: 8 },
  comments: { of: 'lists', weight: 6 },
  releases: { of: 'lists', weight: 3 },
  deployments: { of: 'lists', weight: 2 },
  jobs: { of: 'lists', weight: 4 },
  'temporary environments': { of: 'lists', weight: 2 },
  tree: { of: 'git reads', weight: 5 },
  file: { of: 'git reads', weight: 7 },
  diff: { of: 'git reads', weight: 4 },
  write: { of: 'git writes', weight: 5 },
  title: { of: 'writes', weight: 3 },
  comment: { of: 'writes', weight: 4 },
  begin: { of: 'writes', weight: 1 },
  submit: { of: 'writes', weight: 1 },
  approve: { of: 'writes', weight: 1 },
  enqueue: { of: 'writes', weight: 1 },
  release: { of: 'writes', weight: 1 },
} as const satisfies Record<string, { of: RequestClass; weight: number }>

export type Kind = keyof typeof MIX
export const KINDS = Object.keys(MIX) as Kind[]

const WEIGHTS = KINDS.reduce((sum, kind) => sum + MIX[kind].weight, 0)

/** The kinds in their order, evenly spread: at each turn the one that is furthest behind its weight. */
export function orderOf(requests: number): Kind[] {
  const owed = new Map(KINDS.map((kind) => [kind, 0]))
  return Array.from({ length: requests }, () => {
    for (const kind of KINDS) owed.set(kind, owed.get(kind)! + MIX[kind].weight)
    const next = KINDS.reduce((best, kind) => (owed.get(kind)! > owed.get(best)! ? kind : best))
    owed.set(next, owed.get(next)! - WEIGHTS)
    return next
  })
}

export function countOf(order: readonly Kind[], kind: Kind): number {
  return order.filter((one) => one === kind).length
}
