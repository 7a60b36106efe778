// Single operations of the mix: what each asks, what it leaves, and what its answer shows.

import { readApp } from '../../../harness/target/conman/apps.ts'
import * as changesets from '../../../harness/target/conman/changesets.ts'
import { listEnvironments } from '../../../harness/target/conman/environments.ts'
import { type Job, listJobs } from '../../../harness/target/conman/jobs.ts'
import type { Deployment, Release } from '../../../harness/target/conman/releases.ts'
import type { TemporaryEnvironment } from '../../../harness/target/conman/temporary-environments.ts'
import * as workspaces from '../../../harness/target/conman/workspaces.ts'
import type { Writer } from './fixture.ts'
import type { Sighting } from './history.ts'
import type { Act } from './performing.ts'

type Free<T> = Omit<Act<T>, 'process'>

export interface Plain {
  appId: string
  user: Writer
  /** How many of its class were before it. */
  turn: number
}

/** A directory and a file that every repository of the harness has, in turns. */
export function readings({ appId, user, turn }: Plain): Free<unknown> {
  const { token, workspace } = user
  return turn % 2 === 0
    ? { f: 'list-files', class: 'git-read', token, call: workspaces.listFiles(appId, workspace.id) }
    : { f: 'read-file', class: 'git-read', token, call: workspaces.readFile(appId, workspace.id, 'README.md') }
}

/** Where the file of a key stands. */
export function pathOf(key: string): string {
  return `faults/${key}.txt`
}

/** What a write of this key says in the history of the repository; the key is its last word. */
export const MESSAGE = 'Readiness fault load'

export function writeFile({ appId, user }: Plain, key: string): Free<string> {
  const { token, workspace } = user
  const file = { path: pathOf(key), content: `${key}\n`, message: `${MESSAGE} ${key}` }
  return {
    f: 'write-file',
    class: 'git-write',
    token,
    call: workspaces.writeFile(appId, workspace.id, file),
    key,
    on: { app: appId, workspace: workspace.id, branch: workspace.branch, user: user.userId },
    made: (commit) => ({ commit }),
  }
}

export function comment({ appId, user }: Plain, key: string): Free<changesets.ReviewComment> {
  const { token, changesetId } = user
  return {
    f: 'comment',
    class: 'plain-write',
    token,
    call: changesets.comment(appId, changesetId, key),
    key,
    on: { app: appId, changeset: changesetId },
    made: ({ id }) => ({ comment: id }),
  }
}

/** Reads that no git backend is needed for, in turns; of another's app its jobs. */
export function listings({ appId, user, turn }: Plain, jobsToken?: string): Free<unknown> {
  if (jobsToken !== undefined) return jobList(appId, jobsToken)
  const { token, changesetId } = user
  const of = <T>(f: string, call: Act<T>['call']): Free<T> => ({ f, class: 'plain-read', token, call })
  switch (turn % 4) {
    case 0:
      return of('read-app', readApp(appId))
    case 1:
      return of('list-environments', listEnvironments(appId))
    case 2:
      return of('list-changesets', changesets.listChangesets(appId))
    default:
      return of('read-changeset', changesets.readChangeset(appId, changesetId))
  }
}

export function jobList(appId: string, token: string): Free<Job[]> {
  return {
    f: 'list-jobs',
    class: 'jobs',
    token,
    call: listJobs(appId),
    on: { app: appId },
    saw: (jobs) => jobs.map(seenJob),
  }
}

export const seenJob = ({ id, state }: Job): Sighting => ({ kind: 'job', id, state })

export const seenChangeset = ({ id, state, queuePosition }: changesets.Changeset): Sighting => ({
  kind: 'changeset',
  id,
  state,
  ...(queuePosition === null ? {} : { position: queuePosition }),
})

export const seenRelease = ({ id, state }: Release): Sighting => ({ kind: 'release', id, state })

export const seenDeployment = ({ id, state, environmentId }: Deployment): Sighting => ({
  kind: 'deployment',
  id,
  state,
  place: environmentId,
})

export const seenTemporary = ({ id, state }: TemporaryEnvironment): Sighting => ({ kind: 'temp-env', id, state })
