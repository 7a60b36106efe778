// The plan of the volume: the numbers of the specification, the rules of the product, and the same plan each time.

import { expect, test } from 'vitest'
import { PROFILES } from '../../harness/profiles.ts'
import { type PlannedApp, planVolume } from './plan.ts'
import { directoriesOf, pathsOf, repositoryImport } from './repository.ts'
import { planScale } from './scale.ts'
import { isOpen, LARGE_APP, LARGE_REPOSITORY, LISTING_APP, SMALL_REPOSITORY, STATES, VOLUME } from './shape.ts'

const SCALE = PROFILES.golive.scale
const plan = planVolume('readiness-1-volume')
const listing = plan.apps[LISTING_APP - 1]!

function countStates(apps: readonly PlannedApp[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { state } of apps.flatMap(({ changesets }) => changesets)) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

test('10 apps, 50 people, 500 changesets over all states, and 500 queued beside them', () => {
  expect(plan.apps).toHaveLength(10)
  expect(plan.people).toHaveLength(50)
  expect(countStates(plan.apps)).toEqual({ ...STATES, queued: STATES.queued + VOLUME.queued })
  expect(Object.values(STATES).reduce((sum, count) => sum + count, 0)).toBe(500)
  expect(countStates([listing]).queued).toBe(500)
  expect(plan.apps.flatMap(({ workspaces }) => workspaces.filter(({ isDefault }) => isDefault))).toHaveLength(100)
})

test.each([
  ['the volume', plan],
  ['the scale volume', planScale('readiness-1-scale', PROFILES.smoke.scale)],
])('%s: one open changeset a workspace, each by its owner; queue positions without gaps', (_, planned) => {
  for (const { changesets, workspaces, members } of planned.apps) {
    const open = changesets.filter(({ state }) => isOpen(state)).map(({ workspace }) => workspace)
    expect(new Set(open).size).toBe(open.length)
    for (const { workspace, author, reviewer, created_age_ms, updated_age_ms } of changesets) {
      expect(workspaces[workspace - 1]!.owner).toBe(author)
      expect(members).toContain(author)
      expect(reviewer).not.toBe(author)
      expect(created_age_ms).toBeGreaterThanOrEqual(updated_age_ms)
      expect(updated_age_ms).toBeGreaterThanOrEqual(0)
    }
    const positions = changesets.flatMap(({ queuePosition }) => queuePosition ?? []).sort((a, b) => a - b)
    expect(positions).toEqual(positions.map((_, index) => index + 1))
    expect(new Set(workspaces.map(({ branch }) => branch)).size).toBe(workspaces.length)
  }
})

test('every reviewer is one', () => {
  for (const { changesets } of plan.apps) {
    for (const { reviewer } of changesets)
      if (reviewer !== null) expect(plan.people[reviewer - 1]!.role).not.toBe('user')
  }
})

test('moments are spread over the 90 days, and some of the queue share one', () => {
  const ages = plan.apps.flatMap(({ changesets }) =>
    changesets.map(({ created_age_ms }) => created_age_ms / 86_400_000),
  )
  expect(Math.max(...ages)).toBeGreaterThan(85)
  for (let third = 0; third < 3; third += 1) {
    expect(ages.filter((age) => age >= third * 30 && age < (third + 1) * 30).length).toBeGreaterThan(100)
  }
  const queued = listing.changesets.filter(({ state }) => state === 'queued')
  expect(new Set(queued.map(({ updated_age_ms }) => updated_age_ms)).size).toBe(450)
})

test('the same prefix, the same plan; another, another', () => {
  expect(planVolume('readiness-1-volume')).toEqual(plan)
  expect(planVolume('readiness-2-volume').apps[0]!.changesets).not.toEqual(listing.changesets)
})

test('10,000 changesets and 5,000 people at scale', () => {
  const [app] = planScale('readiness-1-scale', SCALE).apps
  expect(app!.changesets).toHaveLength(10_000)
  expect(app!.members).toHaveLength(5_000)
  expect(new Set(app!.changesets.map(({ state }) => state)).size).toBe(Object.keys(STATES).length)
})

test('the large repository has 10,000 files in 500 directories, with sizes as configuration has them', () => {
  const paths = pathsOf(LARGE_REPOSITORY)
  expect(new Set(paths).size).toBe(paths.length)
  expect(paths.length).toBeGreaterThanOrEqual(10_000)
  expect(directoriesOf(paths).size).toBeGreaterThanOrEqual(500)
  expect(plan.apps[LARGE_APP - 1]!.repository).toBe(LARGE_REPOSITORY)
  expect(directoriesOf(['a/b/c.yaml', 'a/d.yaml', 'e.yaml'])).toEqual(new Set(['a', 'a/b']))
})

test('a repository is the same bytes each time', () => {
  const app = plan.apps.at(-1)!
  expect(app.repository).toBe(SMALL_REPOSITORY)
  const commands = () =>
    [...repositoryImport(app, [{ name: 'A', email: 'a@readiness.test' }], new Map(), 1.76e12)].join('')
  expect(commands()).toBe(commands())
})
