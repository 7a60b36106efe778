// From the queue into the environments, and back (http-api §5.4 and §5.5).

import { createChangeset, enqueue, readChangeset, review, submit } from '../../../harness/target/conman/changesets.ts'
import {
  assemble,
  createDraft,
  type Deployment,
  listDeployments,
  type Placed,
  place,
  publish,
  type Release,
  readRelease,
  reorderRelease,
  rollBack,
  selectChangesets,
} from '../../../harness/target/conman/releases.ts'
import { listWorkspaces, writeFile } from '../../../harness/target/conman/workspaces.ts'
import { ConmanError } from '../../../harness/target/conman.ts'
import type { Part, Walk } from '../walk.ts'
import { environmentAt } from './team.ts'

const manager = (walk: Walk) => walk.as('config_manager')
/** Two members, one of them a reviewer and one a config manager: what the strictest rule wants (HD96). */
const approvals = (walk: Walk) => [walk.the('a reviewer').userId, walk.the('a config manager').userId]

export const releasing: Part = {
  title: 'Release and deployments',
  steps: [
    {
      id: 'release',
      name: 'create a release',
      async take(walk) {
        walk.the('a queued changeset')
        walk.brings('a draft release', await walk.do(manager(walk), createDraft(walk.appId)))
      },
    },
    {
      id: 'select',
      name: 'select its changeset',
      async take(walk) {
        const { id } = walk.the('a draft release')
        const changeset = walk.the('a queued changeset').id
        const release = await walk.do(manager(walk), selectChangesets(walk.appId, id, [changeset]))
        walk.demand(release.changesetIds.includes(changeset), 'the selection is not in the answer')
      },
    },
    {
      id: 'reorder',
      name: 'put it into order',
      async take(walk) {
        const ids = [walk.the('a queued changeset').id]
        await walk.do(manager(walk), reorderRelease(walk.appId, walk.the('a draft release').id, ids))
      },
    },
    {
      id: 'deploy-draft',
      name: 'deploy it before it is published',
      aside: true,
      take(walk) {
        const placement = { environmentId: environmentAt(walk, 0).id, releaseId: walk.the('a draft release').id }
        return walk.refuses('HD91', manager(walk), place('deploy', walk.appId, placement), [400, 409])
      },
    },
    {
      id: 'assemble',
      name: 'assemble it',
      async take(walk) {
        const release = walk.the('a draft release')
        const job = await walk.do(manager(walk), assemble(walk.appId, release.id))
        await walk.succeeds(manager(walk), job ?? { type: 'release_assemble', entityId: release.id })
        walk.brings('an assembled release', release)
      },
    },
    {
      id: 'publish',
      name: 'publish it',
      async take(walk) {
        walk.brings('a published release', await published(walk, walk.the('an assembled release').id))
      },
    },
    {
      id: 'released',
      name: 'see its changeset released',
      async take(walk) {
        walk.the('a published release')
        const call = readChangeset(walk.appId, walk.the('a queued changeset').id)
        const { state } = await walk.see(walk.as('user'), call, (seen) => seen.state === 'released')
        walk.demand(state === 'released', `its state is ${state}`)
      },
    },
    {
      id: 'select-published',
      name: 'change the selection of what is published',
      aside: true,
      take(walk) {
        const call = selectChangesets(walk.appId, walk.the('a published release').id, [])
        return walk.refuses('HD81', manager(walk), call, [409])
      },
    },
    {
      id: 'unknown-environment',
      name: 'deploy to an environment that is not there',
      aside: true,
      take(walk) {
        const placement = { environmentId: 'f'.repeat(24), releaseId: walk.the('a published release').id }
        return walk.refuses('HD93', manager(walk), place('deploy', walk.appId, placement), [404])
      },
    },
    {
      id: 'user-deploys',
      name: 'deploy without the role',
      aside: true,
      take(walk) {
        const placement = { environmentId: environmentAt(walk, 0).id, releaseId: walk.the('a published release').id }
        return walk.refuses('§3.1', walk.as('user'), place('deploy', walk.appId, placement), [403])
      },
    },
    {
      id: 'deploy',
      name: 'deploy it to dev',
      async take(walk) {
        const release = walk.the('a published release')
        await deployed(walk, 'deploy', 0, release)
        walk.brings('a deployed release', release)
      },
    },
    {
      id: 'promote',
      name: 'promote it to qa',
      async take(walk) {
        const release = walk.the('a deployed release')
        await deployed(walk, 'promote', 1, release)
        walk.brings('a promoted release', release)
      },
    },
    {
      id: 'skip-stage',
      name: 'deploy it to prod, with the approvals for skipping a stage',
      async take(walk) {
        const release = walk.the('a published release')
        await deployed(walk, 'deploy', 2, release, { skipsStage: true, approvals: approvals(walk) })
        if (walk.has('a promoted release')) walk.brings('a release in every environment', release)
      },
    },
    {
      id: 'release-state',
      name: 'see that it is everywhere',
      async take(walk) {
        const { id } = walk.the('a release in every environment')
        const isFull = (release: Release) => release.state === 'deployed_full'
        const { state } = await walk.see(walk.as('user'), readRelease(walk.appId, id), isFull)
        walk.differs('HD99', state === 'deployed_full', 'deployed_full', state)
      },
    },
    {
      id: 'second-write',
      name: 'write a file as the reviewer, after the release',
      async take(walk) {
        walk.the('a published release')
        const token = walk.as('reviewer')
        const workspace = await walk.through(listWorkspaces(walk.appId), () =>
          walk.conman.defaultWorkspace(token, walk.appId),
        )
        const file = { path: 'config/contract/third.yaml', content: `run: ${walk.run.id}\nwhich: third\n` }
        walk.brings('a second written file', await walk.do(token, writeFile(walk.appId, workspace.id, file)))
        walk.brings('a second workspace', workspace)
      },
    },
    {
      id: 'second-submit',
      name: 'begin a second changeset and hand it in',
      async take(walk) {
        const token = walk.as('reviewer')
        const call = createChangeset(walk.appId, walk.the('a second workspace').id, `Contract ${walk.run.id}, second`)
        const begun = await walk.do(token, call)
        const { changeset, job } = await walk.do(token, submit(walk.appId, begun.id))
        await walk.succeeds(token, job ?? { type: 'msuite_submit', entityId: begun.id })
        walk.brings('a second submitted changeset', changeset)
      },
    },
    {
      id: 'own-review',
      name: 'approve an own changeset',
      aside: true,
      take(walk) {
        const call = review(walk.appId, walk.the('a second submitted changeset').id, 'approve')
        return walk.refuses('HD68', walk.as('reviewer'), call, [403])
      },
    },
    {
      id: 'second-approve',
      name: 'have it approved and queued',
      async take(walk) {
        const { id } = walk.the('a second submitted changeset')
        // Where an own review counts, it is approved by now, and cannot be once more.
        const { answer, value } = await walk.attempt(manager(walk), review(walk.appId, id, 'approve'))
        if (value instanceof ConmanError && answer.status !== 409) throw value
        walk.brings('a second queued changeset', await walk.do(manager(walk), enqueue(walk.appId, id)))
      },
    },
    {
      id: 'second-release',
      name: 'publish a second release',
      async take(walk) {
        const token = manager(walk)
        const changeset = walk.the('a second queued changeset').id
        const release = await walk.do(token, createDraft(walk.appId))
        await walk.do(token, selectChangesets(walk.appId, release.id, [changeset]))
        const job = await walk.do(token, assemble(walk.appId, release.id))
        await walk.succeeds(token, job ?? { type: 'release_assemble', entityId: release.id })
        walk.brings('a second published release', await published(walk, release.id))
      },
    },
    {
      id: 'second-deploy',
      name: 'deploy the second release to dev',
      async take(walk) {
        walk.the('a deployed release')
        const release = walk.the('a second published release')
        await deployed(walk, 'deploy', 0, release)
        walk.brings('a second deployed release', release)
      },
    },
    {
      id: 'rollback',
      name: 'roll dev back to the first release',
      async take(walk) {
        walk.the('a second deployed release')
        const environmentId = environmentAt(walk, 0).id
        const releaseId = walk.the('a deployed release').id
        const call = rollBack(walk.appId, {
          environmentId,
          releaseId,
          mode: 'redeploy_prior_tag',
          approvals: approvals(walk),
        })
        await finished(walk, await walk.do(manager(walk), call), releaseId)
      },
    },
  ],
}

async function published(walk: Walk, releaseId: string): Promise<Release> {
  const call = publish(walk.appId, releaseId)
  const release = await walk.through(call, () => walk.conman.publish(manager(walk), walk.appId, releaseId))
  walk.demand(release.state === 'published', `its state is ${release.state}`)
  return release
}

async function deployed(
  walk: Walk,
  action: 'deploy' | 'promote',
  position: 0 | 1 | 2,
  release: Release,
  more: { skipsStage?: boolean; approvals?: readonly string[] } = {},
): Promise<void> {
  const placement = { environmentId: environmentAt(walk, position).id, releaseId: release.id, ...more }
  const call = place(action, walk.appId, placement)
  const placed = await walk.through(call, () => walk.conman.deploy(manager(walk), walk.appId, action, placement))
  await finished(walk, placed, release.id)
}

/** Its job has succeeded, and the list says of what runs there what was asked for. */
async function finished(walk: Walk, { deployment, job }: Placed, releaseId: string): Promise<void> {
  await walk.succeeds(manager(walk), job ?? { type: 'deploy_release', entityId: deployment.id })
  const inList = (seen: readonly Deployment[]) => seen.find(({ id }) => id === deployment.id)
  const isDone = (one: Deployment | undefined) => one?.state === 'succeeded' && one.releaseId === releaseId
  const read = () => walk.conman.all(manager(walk), listDeployments(walk.appId))
  const seen = inList(await walk.look(read, (rows) => isDone(inList(rows))))
  walk.demand(isDone(seen), `in the list its state is ${seen?.state ?? 'none'}, its release ${seen?.releaseId}`)
}
