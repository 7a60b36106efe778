// The story of a release: two authors change something, both are reviewed and queued, released together, deployed, promoted,
// and every other time the first environment goes back to the release before.

import * as changesets from '../../../harness/target/conman/changesets.ts'
import * as releases from '../../../harness/target/conman/releases.ts'
import * as workspaces from '../../../harness/target/conman/workspaces.ts'
import type { ReleaseApp } from './fixture.ts'
import type { OperationClass } from './history.ts'
import { jobList, MESSAGE, pathOf, seenChangeset, seenDeployment, seenRelease } from './operations.ts'
import type { Act } from './performing.ts'
import type { Steps } from './story.ts'

type Free<T> = Omit<Act<T>, 'process'>

const BEGUN = new Set(['published', 'deployed_partial', 'deployed_full', 'rolled_back'])
const AFTER_REVIEW = new Set(['approved', 'queued', 'released'])

/** What stands in an environment is known to one who goes back. */
export interface Stage {
  previous: string | undefined
  current: string | undefined
}

export async function release(
  step: Steps,
  { app, manager, approver, authors, environments }: ReleaseApp,
  stage: Stage,
  label: string,
  number: number,
): Promise<void> {
  const appId = app.id
  const on = { app: appId }
  const as = <T>(f: string, of: OperationClass, call: Act<T>['call'], more: Partial<Free<T>> = {}): Free<T> => ({
    f,
    class: of,
    token: manager.token,
    call,
    on,
    ...more,
  })
  const [first, second] = environments as [{ id: string }, { id: string }]

  const queued: string[] = []
  for (const [index, author] of authors.entries()) {
    queued.push(await queuedChange(`${label}-${number}-${index + 1}`, author))
  }
  // Real has no such list: then nothing is seen.
  await step.ask(
    as('list-queue', 'plain-read', changesets.listQueue(appId), {
      saw: (rows) =>
        rows.map(({ id, position }) => ({
          kind: 'changeset',
          id,
          state: 'queued',
          ...(position === null ? {} : { position }),
        })),
    }),
  )
  const released = await published(queued)
  await placed('deploy', 'deploy', released, first.id)
  stage.previous = stage.current
  stage.current = released
  await placed('promote', 'promotion', released, second.id)
  if (stage.previous !== undefined && number % 2 === 0) {
    await placed('rollback', 'rollback', stage.previous, first.id)
    stage.current = stage.previous
    stage.previous = undefined
  }

  /** In a workspace of its own: what an earlier story left half-way stands in nobody's way. */
  async function queuedChange(key: string, { token, userId }: ReleaseApp['authors'][number]): Promise<string> {
    const branch = `faults/${key}`
    const workspace = await step.until(
      as('create-workspace', 'git-write', workspaces.createWorkspace(appId, branch), { token }),
      async () =>
        (await step.ask(as('list-workspaces', 'plain-read', workspaces.listWorkspaces(appId), { token }))).value?.find(
          (one) => one.branch === branch,
        ),
    )
    const file = { path: pathOf(key), content: `${key}\n`, message: `${MESSAGE} ${key}` }
    await step.until(
      as('write-file', 'git-write', workspaces.writeFile(appId, workspace.id, file), {
        token,
        key,
        on: { ...on, workspace: workspace.id, branch, user: userId },
        made: (commit) => ({ commit }),
      }),
    )
    const list = as('list-changesets', 'plain-read', changesets.listChangesets(appId), {
      saw: (rows) => rows.map(seenChangeset),
    })
    const titled = async () => (await step.ask(list)).value?.find(({ title }) => title === key)
    const { id } = await step.until(
      as('begin-changeset', 'plain-write', changesets.createChangeset(appId, workspace.id, key), {
        token,
        key,
        made: (one) => ({ changeset: one.id }),
        saw: (one) => [seenChangeset(one)],
      }),
      titled,
    )
    const read = as('read-changeset', 'plain-read', changesets.readChangeset(appId, id), {
      saw: (one) => [seenChangeset(one)],
    })
    const isIn = (wanted: (state: string) => boolean) => async () => {
      const { value } = await step.ask(read)
      return value !== undefined && wanted(value.state) ? value : undefined
    }
    const about = { ...on, changeset: id }
    await step.until(
      as('submit', 'plain-write', changesets.submit(appId, id), {
        token,
        key,
        on: about,
        saw: ({ changeset }) => [seenChangeset(changeset)],
      }),
      async () => {
        const changeset = await isIn((state) => state !== 'draft')()
        return changeset && { changeset, job: null }
      },
    )
    // Its gate is a job: until that has succeeded it is not approved or not queued.
    await step.ask(jobList(appId, manager.token))
    await step.until(
      as('approve', 'plain-write', changesets.review(appId, id, 'approve'), {
        key,
        on: about,
        saw: (one) => [seenChangeset(one)],
      }),
      isIn((state) => AFTER_REVIEW.has(state)),
    )
    await step.until(
      as('enqueue', 'plain-write', changesets.enqueue(appId, id), {
        key,
        on: about,
        saw: (one) => [seenChangeset(one)],
      }),
      isIn((state) => state === 'queued'),
    )
    return id
  }

  async function published(changesetIds: readonly string[]): Promise<string> {
    const saw = (one: releases.Release) => [seenRelease(one)]
    const { id } = await step.until(
      as('create-release', 'release', releases.createDraft(appId), { made: (one) => ({ release: one.id }), saw }),
    )
    const about = { ...on, release: id }
    const read = as('read-release', 'release', releases.readRelease(appId, id), { saw, on: about })
    const isIn = (wanted: (state: string) => boolean) => async () => {
      const { value } = await step.ask(read)
      return value !== undefined && wanted(value.state) ? value : undefined
    }
    await step.until(
      as('select', 'release', releases.selectChangesets(appId, id, changesetIds), { saw, on: about }),
      async () => {
        const { value } = await step.ask(read)
        return value?.changesetIds.length === changesetIds.length ? value : undefined
      },
    )
    await step.until(as('assemble', 'release', releases.assemble(appId, id), { on: about }), async () =>
      (await isIn((state) => state !== 'draft_release')()) === undefined ? undefined : null,
    )
    await step.see(
      read,
      ({ state }) => state === 'validated' || BEGUN.has(state),
      ({ state }) => (state === 'draft_release' ? 'its assembly failed' : undefined),
    )
    await step.until(
      as('publish', 'release', releases.publish(appId, id), { saw, on: about }),
      isIn((state) => BEGUN.has(state)),
    )
    return id
  }

  async function placed(
    action: 'deploy' | 'promote' | 'rollback',
    of: OperationClass,
    releaseId: string,
    environmentId: string,
  ): Promise<void> {
    const approvals = [manager.userId, approver.userId]
    const placement = { environmentId, releaseId, approvals }
    const call =
      action === 'rollback'
        ? releases.rollBack(appId, { ...placement, mode: 'redeploy_prior_tag' })
        : releases.place(action, appId, { environmentId, releaseId })
    const list = as('list-deployments', of, releases.listDeployments(appId), {
      saw: (rows) => rows.map(seenDeployment),
    })
    const before = new Set(((await step.ask(list)).value ?? []).map(({ id }) => id))
    const isIt = (one: releases.Deployment) =>
      one.environmentId === environmentId && one.releaseId === releaseId && !before.has(one.id)
    const { deployment } = await step.until(
      as(action, of, call, {
        on: { ...on, release: releaseId, environment: environmentId },
        made: (one) => ({ deployment: one.deployment.id }),
        saw: (one) => [seenDeployment(one.deployment)],
      }),
      async () => {
        const found = (await step.ask(list)).value?.find(isIt)
        return found && { deployment: found, job: null }
      },
    )
    await step.see(
      list,
      (rows) => rows.some((one) => one.id === deployment.id && one.state === 'succeeded'),
      (rows) => {
        const state = rows.find((one) => one.id === deployment.id)?.state
        return state === 'failed' || state === 'canceled' ? `the deployment is ${state}` : undefined
      },
    )
  }
}
