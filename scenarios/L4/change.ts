// What L4's changesets write: which release each is part of, which file it touches, and what that file holds once its release
// is out. Pure: whoever judges knows it without having asked the target.

export interface PlannedChange {
  /** From 1 on, in the order of the releases. */
  number: number
  release: number
  path: string
  content: string
}

/** The first changeset of each of these releases writes the same file: one at its top, the other at its bottom. */
const TOP_IN = 2
const BOTTOM_IN = 4
export const SHARED_IN = [TOP_IN, BOTTOM_IN] as const

/** So far apart that git merges the two. */
const SHARED_LINES = 60

export interface Plan {
  /** Stands in every path and content, so that nothing older is taken for it. */
  key: string
  releases: number
  changesets_each: number
}

/** The folder that everything is written into. */
export function folderOf({ key }: Plan): string {
  return `config/${key}`
}

export function sharedPath(plan: Plan): string {
  return `${folderOf(plan)}/shared.txt`
}

/** The shared file with what these releases changed in it, in whichever order they came. */
export function sharedContent({ key }: Plan, releases: readonly number[] = []): string {
  const lines = Array.from({ length: SHARED_LINES }, (_, index) => `${key} line ${index + 1}`)
  if (releases.includes(TOP_IN)) lines[1] += ' with the change at the top'
  if (releases.includes(BOTTOM_IN)) lines[SHARED_LINES - 2] += ' with the change at the bottom'
  return `${lines.join('\n')}\n`
}

export function plannedChanges(plan: Plan): PlannedChange[] {
  const changes: PlannedChange[] = []
  for (let release = 1; release <= plan.releases; release += 1) {
    for (let index = 1; index <= plan.changesets_each; index += 1) {
      const number = changes.length + 1
      const isShared = index === 1 && (SHARED_IN as readonly number[]).includes(release)
      changes.push({
        number,
        release,
        path: isShared ? sharedPath(plan) : `${folderOf(plan)}/change-${String(number).padStart(3, '0')}.yaml`,
        content: isShared ? sharedContent(plan, [release]) : `change: ${plan.key}/${number}\n`,
      })
    }
  }
  return changes
}
