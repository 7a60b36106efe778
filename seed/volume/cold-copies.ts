// Copies of the large repository, each for an app of its own: to a server they are repositories that it has never seen.

import { join } from 'node:path'
import { ObjectId } from 'mongodb'
import { mapInParallel } from '../../harness/parallel.ts'
import type { Run } from '../../harness/run.ts'
import type { App } from '../../harness/target/conman.ts'
import { withDatabase } from '../database.ts'
import { runGit } from '../git.ts'
import { appRows, changesetRow, workspaceRow } from '../rows.ts'
import { idFrom } from './numbers.ts'
import type { SeededChangeset, SeededVolume, SeededWorkspace } from './volume.ts'
import { writeMissing } from './writing.ts'

export interface ColdCopy {
  appId: string
  workspaceId: string
  changesetId: string
  /** Of the workspace's owner. */
  token: string
}

/** Git processes at once. */
const WIDTH = 2

/** Made anew for each run: what was read once is cold no more. */
export async function copyLargeRepository(
  run: Run,
  { large }: SeededVolume,
  { workspace, changeset, count }: { workspace: SeededWorkspace; changeset: SeededChangeset; count: number },
): Promise<ColdCopy[]> {
  const git = run.tool('git').path
  const storage = run.target.gitStorage!
  const owner = large.members.find(({ number }) => number === workspace.owner)!
  const userId = new ObjectId(owner.userId)
  const created = new Date()
  const numbers = Array.from({ length: count }, (_, index) => index + 1)
  return withDatabase(run, (db) =>
    mapInParallel(numbers, WIDTH, async (number) => {
      run.signal.throwIfAborted()
      const id = (what: string | number) => idFrom(run.id, 'cold copy', number, what)
      const name = `${large.app.name}-cold-${run.id}-${number}`
      const repoPath = `${name}.git`
      // Objects are linked, not copied: they never change.
      const from = join(storage, large.app.repoPath)
      await runGit(git, ['clone', '--quiet', '--bare', '--local', from, join(storage, repoPath)])
      const app: App = { id: id('app').toHexString(), name, repoPath, integrationBranch: large.app.integrationBranch }
      const appId = id('app')
      const rows = appRows({
        id: appId,
        name,
        repoPath,
        integrationBranch: app.integrationBranch,
        createdBy: userId,
        members: [{ id: id('membership'), userId, role: owner.role }],
        environmentId: id,
        created,
      })
      rows.set('workspaces', [
        workspaceRow({
          id: id('workspace'),
          appId,
          ownerId: userId,
          branch: workspace.branch,
          isDefault: true,
          integrationBranch: app.integrationBranch,
          base: workspace.base,
          head: workspace.head,
          created,
          updated: created,
        }),
      ])
      rows.set('changesets', [
        changesetRow({
          id: id('changeset'),
          appId,
          workspaceId: id('workspace'),
          authorId: userId,
          title: changeset.title,
          description: changeset.description,
          state: 'submitted',
          base: changeset.base,
          head: changeset.head,
          revision: 1,
          approvals: [],
          queuePosition: null,
          queuedAt: null,
          revalidation: null,
          created,
          updated: created,
        }),
      ])
      await writeMissing(run, db, rows)
      const [session] = await run.target.fixtures!.members(app, [{ ...owner, name: owner.email }])
      return {
        appId: app.id,
        workspaceId: id('workspace').toHexString(),
        changesetId: id('changeset').toHexString(),
        token: session!.token,
      }
    }),
  )
}
