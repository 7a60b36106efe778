// A temporary environment (http-api §5.6), and what is looked at in the end.

import { listAudit } from '../../../harness/target/conman/apps.ts'
import { listEnvironments, setEnvironments } from '../../../harness/target/conman/environments.ts'
import { saidBy } from '../../../harness/target/conman/error.ts'
import { listJobs } from '../../../harness/target/conman/jobs.ts'
import { logout } from '../../../harness/target/conman/platform.ts'
import {
  createTemporary,
  deleteTemporary,
  extendTemporary,
  listTemporary,
  type TemporaryEnvironment,
  undoExpire,
} from '../../../harness/target/conman/temporary-environments.ts'
import { resetWorkspace } from '../../../harness/target/conman/workspaces.ts'
import type { Part, Walk } from '../walk.ts'

const source = (walk: Walk) => ({ kind: 'workspace' as const, id: walk.the('a workspace').id })
const HOURS = 2

export const temporary: Part = {
  title: 'Temporary environment',
  steps: [
    {
      id: 'temporary',
      name: 'make a temporary environment',
      async take(walk) {
        const { environment, job } = await walk.do(walk.as('user'), createTemporary(walk.appId, source(walk)))
        walk.brings('a temporary environment', environment)
        await walk.succeeds(walk.as('user'), job ?? { type: 'temp_env_provision', entityId: environment.id })
        const seen = await found(walk, environment.id, 'active')
        walk.demand(seen?.state === 'active', `in the list its state is ${seen?.state ?? 'none'}`)
        walk.brings('an active temporary environment', seen!)
      },
    },
    {
      id: 'temporary-twice',
      name: 'make another for the same workspace',
      aside: true,
      async take(walk) {
        walk.the('an active temporary environment')
        await walk.refuses('HD100', walk.as('user'), createTemporary(walk.appId, source(walk)), [409])
      },
    },
    {
      id: 'extend',
      name: 'extend it',
      async take(walk) {
        const before = walk.the('an active temporary environment')
        const { environment } = await walk.do(walk.as('user'), extendTemporary(walk.appId, before.id, HOURS))
        const longer = Date.parse(environment.expiresAt ?? '') > Date.parse(before.expiresAt ?? '')
        walk.differs('HD102', longer, 'a later end than before', `${before.expiresAt} → ${environment.expiresAt}`)
      },
    },
    {
      id: 'delete-temporary',
      name: 'delete it',
      async take(walk) {
        const environment = walk.the('a temporary environment')
        const job = await walk.do(walk.as('user'), deleteTemporary(walk.appId, environment.id))
        await walk.succeeds(walk.as('user'), job ?? { type: 'temp_env_expire', entityId: environment.id })
        walk.brings('a deleted temporary environment', environment)
      },
    },
    {
      id: 'undo-deleted',
      name: 'bring it back although it is deleted',
      aside: true,
      take(walk) {
        const { id } = walk.the('a deleted temporary environment')
        return walk.refuses('HD103', walk.as('user'), undoExpire(walk.appId, id), [409, 410])
      },
    },
  ],
}

export const ending: Part = {
  title: 'In the end',
  steps: [
    {
      id: 'jobs',
      name: 'list the jobs',
      async take(walk) {
        await walk.do(walk.as('user'), listJobs(walk.appId))
      },
    },
    {
      id: 'audit',
      name: 'read the audit log',
      aside: true,
      async take(walk) {
        const { answer, value } = await walk.attempt(walk.as('admin'), listAudit(walk.appId))
        if (!Array.isArray(value)) return walk.differs('HD113', false, 'what was done', saidBy(answer))
        const rows = await walk.see(walk.as('admin'), listAudit(walk.appId), (seen) => seen.length > 0)
        walk.differs('HD113', rows.length > 0, 'what was done', 'an empty list')
      },
    },
    {
      id: 'reset',
      name: 'reset the workspace',
      async take(walk) {
        const answer = await walk.ask(walk.as('user'), resetWorkspace(walk.appId, walk.the('a workspace').id))
        walk.differs('HD58', answer.status === 200, 'HTTP 200', saidBy(answer))
      },
    },
    {
      id: 'bad-environments',
      // The last but one: some targets lose the environments over it.
      name: 'set environments of which two have one name',
      aside: true,
      async take(walk) {
        const before = walk.the('environments')
        const { makes: _, ...call } = setEnvironments(walk.appId, [
          { name: 'dev' },
          { name: 'dev' },
          { name: 'prod', isCanonical: true },
        ])
        await walk.refuses('HD41', walk.as('admin'), call, [400])
        const after = await walk.conman.do(walk.as('admin'), listEnvironments(walk.appId))
        const ids = (rows: typeof before) => rows.map(({ id }) => id).join()
        walk.differs('HD41', ids(after) === ids(before), 'the environments as they were', `${after.length} others`)
      },
    },
    {
      id: 'logout',
      name: 'log out',
      async take(walk) {
        await walk.do(walk.as('user'), logout())
      },
    },
  ],
}

async function found(walk: Walk, id: string, state: string): Promise<TemporaryEnvironment | undefined> {
  const inList = (rows: readonly TemporaryEnvironment[]) => rows.find((one) => one.id === id)
  const read = () => walk.conman.all(walk.as('user'), listTemporary(walk.appId))
  return inList(await walk.look(read, (rows) => inList(rows)?.state === state))
}
