// One walk through the whole product, a step after the other: a change's way from a file to an environment, and every list
// and detail. It is for watching what the server asks of its database meanwhile, not for judging its answers.

import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { HarnessError } from '../../harness/errors.ts'
import type { Run } from '../../harness/run.ts'
import { listApps } from '../../harness/target/conman/apps.ts'
import { type App, type Role, recordOf } from '../../harness/target/conman.ts'
import type { HttpAnswer } from '../../harness/target/http.ts'
import type { Step } from './step.ts'

/** Jobs of the walk run `true`: this is for a busy machine. */
const JOBS_END_WITHIN_MS = 60_000
const LOOK_EVERY_MS = 50

/** A gate that has not run yet answers 409: so many gates stand before a deployment, and one more. */
const TRIES_MAX = 6

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

interface Person {
  userId: string
  token: string
}

export interface Walker {
  readonly app: App
  readonly people: Readonly<Record<Role, Person>>
  readonly steps: readonly Step[]
  /** Ids that the walk has made, by what they name. */
  readonly ids: ReadonlyMap<string, string>
  /** From an edited file to a deployment, with everything beside it. */
  changeThings(): Promise<void>
  readLists(): Promise<void>
  readDetails(): Promise<void>
  askHealth(): Promise<void>
}

async function makeApp(run: Run, token: string, name: string): Promise<App> {
  const { conman, admin } = run.target
  return (await conman.createApp({ ...admin, token }, { name, repoPath: await run.target.repositoryFor(name) })).app
}

export async function startWalk(run: Run): Promise<Walker> {
  const { conman, admin, fixtures } = run.target
  if (fixtures === undefined)
    throw new HarnessError('the walk needs a stack of our own', 'run it without CONMAN_BASE_URL')
  const session = await conman.login(admin.email, admin.password)
  const prefix = `${run.prefix}-walk`
  const existing = (await conman.all(session.token, listApps())).find(({ name }) => name === prefix)
  const app = existing ?? (await makeApp(run, session.token, prefix))
  const roles: readonly Role[] = ['user', 'reviewer', 'config_manager', 'app_admin']
  const members = await fixtures.members(
    app,
    roles.map((role) => ({ email: `${prefix}-${role}@readiness.test`, name: `Walking ${role}`, role })),
  )
  const person = (role: Role): Person => members[roles.indexOf(role)]!
  const people: Record<Role, Person> = {
    user: person('user'),
    reviewer: person('reviewer'),
    config_manager: person('config_manager'),
    app_admin: person('app_admin'),
  }

  const walk = randomUUID().slice(0, 8)
  const steps: Step[] = []
  const ids = new Map([['author', people.user.userId]])
  const base = `/api/apps/${app.id}`

  /** `{name}` in a path stands for an id that an earlier step has made; without it the step is left out. */
  async function ask(
    kind: Step['kind'],
    who: Role,
    method: Method,
    path: string,
    more: { body?: unknown; collection?: string } = {},
  ): Promise<HttpAnswer | undefined> {
    run.signal.throwIfAborted()
    const wanted = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!)
    const step = { kind, name: `${method} ${path}`, collection: more.collection ?? null }
    if (wanted.some((name) => !ids.has(name))) {
      steps.push({ ...step, status: null, from_ms: Date.now(), to_ms: Date.now() })
      return undefined
    }
    const url = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids.get(name)!)
    const from_ms = Date.now()
    const answer = await conman.http.request(method, url.startsWith('/api') ? url : `${base}${url}`, {
      token: people[who].token,
      ...(method === 'GET' ? {} : { body: more.body ?? {} }),
      signal: run.signal,
    })
    steps.push({ ...step, status: answer.status, from_ms, to_ms: Date.now() })
    return answer
  }

  const change = (who: Role, method: Method, path: string, body?: unknown, collection?: string) =>
    ask('change', who, method, path, { body, ...(collection === undefined ? {} : { collection }) })

  /** Waits until no job of the app waits or runs. */
  async function settle(): Promise<void> {
    const deadline = performance.now() + JOBS_END_WITHIN_MS
    const from_ms = Date.now()
    for (;;) {
      const answer = await conman.http.request('GET', `${base}/jobs?limit=100`, { token: people.app_admin.token })
      const open = rowsOf(answer).filter(({ state }) => state === 'queued' || state === 'running')
      if (answer.status === 200 && open.length === 0) break
      if (performance.now() > deadline) {
        throw new HarnessError(`${open.length} jobs of the walk do not end`, 'see the log of conman-worker')
      }
      await delay(LOOK_EVERY_MS, undefined, { signal: run.signal })
    }
    steps.push({ kind: 'wait', name: 'jobs end', collection: 'jobs', status: 200, from_ms, to_ms: Date.now() })
  }

  async function changeThroughGates(who: Role, path: string, body?: unknown, collection?: string) {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await change(who, 'POST', path, body, collection)
      if (answer?.status !== 409 || attempt === TRIES_MAX) return answer
      await settle()
    }
  }

  const keep = (name: string, answer: HttpAnswer | undefined, ...under: string[]) => {
    const data = recordOf(recordOf(answer?.json)?.data)
    const id = [data, ...under.map((key) => recordOf(data?.[key]))].map((one) => one?.id).find(isId)
    if (id !== undefined) ids.set(name, id)
  }

  return {
    app,
    people,
    steps,
    ids,

    async changeThings() {
      run.progress.update('walking through the product')
      const content = Buffer.from(`walk: ${walk}\n`).toString('base64')
      const path = `config/${walk}.yaml`
      const profile = {
        name: `walk-${walk}`,
        kind: 'persistent_env',
        base_url: 'https://walk.readiness.test',
        env_vars: { WALK: { type: 'string', value: walk } },
        secrets: {},
        database_engine: 'mongodb',
        connection_ref: 'walk',
        provisioning_mode: 'managed',
        migration_paths: [],
      }
      keep('profile', await change('app_admin', 'POST', '/runtime-profiles', profile, 'runtime_profiles'))
      await change('app_admin', 'PATCH', '/settings', { file_size_limit_bytes: 5_242_880 }, 'apps')
      const invited = { email: `walk-${walk}@readiness.test`, role: 'user' }
      const invite = await change('app_admin', 'POST', '/invites', invited, 'invites')
      const { token } = recordOf(recordOf(invite?.json)?.data) ?? {}
      const password = randomUUID()
      await change('user', 'POST', '/api/auth/accept-invite', { token, name: 'Walking guest', password }, 'users')
      await ask('detail', 'user', 'GET', '/api/me/notification-preferences', {})
      const mails = { email_enabled: false }
      await change('user', 'PATCH', '/api/me/notification-preferences', mails, 'notification_preferences')

      const branch = { branch_name: `walk/${walk}`, title: `Walk ${walk}` }
      keep('workspace', await change('user', 'POST', '/workspaces', branch, 'workspaces'))
      await change('user', 'PUT', '/workspaces/{workspace}/files', { path, content }, 'workspaces')
      const begun = { workspace_id: ids.get('workspace'), title: `Walk ${walk}` }
      keep('changeset', await change('user', 'POST', '/changesets', begun, 'changesets'))
      const remark = { body: `walk ${walk}` }
      await change('user', 'POST', '/changesets/{changeset}/comments', remark, 'changeset_comments')
      await change('user', 'POST', '/changesets/{changeset}/submit', {}, 'changesets')
      await settle()
      const approval = { action: 'approve' }
      await change('reviewer', 'POST', '/changesets/{changeset}/review', approval, 'changesets')
      await changeThroughGates('config_manager', '/changesets/{changeset}/queue', {}, 'changesets')

      const chosen = { changeset_ids: [ids.get('changeset')] }
      keep('release', await change('config_manager', 'POST', '/releases', chosen, 'release_batches'), 'release')
      await change('config_manager', 'POST', '/releases/{release}/changesets', chosen, 'release_batches')
      await change('config_manager', 'POST', '/releases/{release}/assemble', {}, 'release_batches')
      await settle()
      await changeThroughGates('config_manager', '/releases/{release}/publish', {}, 'release_batches')
      const environments = rowsOf(await ask('list', 'user', 'GET', '/environments', { collection: 'environments' }))
      const first = environments.map(({ id }) => id).find(isId)
      if (first !== undefined) ids.set('environment', first)
      const released = { release_id: ids.get('release') }
      await changeThroughGates('config_manager', '/environments/{environment}/deploy', released, 'deployments')
      await settle()

      const source = { kind: 'workspace', source_id: ids.get('workspace') }
      keep('temporary', await change('user', 'POST', '/temp-envs', source, 'temp_environments'), 'temp_env')
      await settle()
      await change('user', 'DELETE', '/temp-envs/{temporary}', {}, 'temp_environments')
      await settle()
      const jobs = rowsOf(await ask('list', 'user', 'GET', '/jobs', { collection: 'jobs' }))
      const job = jobs.map(({ id }) => id).find(isId)
      if (job !== undefined) ids.set('job', job)
    },

    async readLists() {
      const reads: [string, string][] = [
        ['/api/apps', 'apps'],
        ['/members', 'app_memberships'],
        ['/environments', 'environments'],
        ['/runtime-profiles', 'runtime_profiles'],
        ['/runtime-profiles/{profile}/revisions', 'runtime_profile_revisions'],
        ['/workspaces', 'workspaces'],
        ['/changesets', 'changesets'],
        ['/changesets?state=queued', 'changesets'],
        ['/changesets?state=draft,submitted', 'changesets'],
        ['/changesets?page=2&limit=5', 'changesets'],
        ['/changesets/{changeset}/comments', 'changeset_comments'],
        ['/changesets/{changeset}/profile-overrides', 'changeset_profile_overrides'],
        ['/queue', 'changesets'],
        ['/releases', 'release_batches'],
        ['/releases?state=published', 'release_batches'],
        ['/deployments', 'deployments'],
        ['/temp-envs', 'temp_environments'],
        ['/jobs', 'jobs'],
        ['/jobs?page=2&limit=5', 'jobs'],
        ['/jobs?type=msuite_submit', 'jobs'],
        ['/jobs?state=succeeded', 'jobs'],
        ['/jobs?type=msuite_submit&state=succeeded', 'jobs'],
        ['/audit', 'audit_events'],
        ['/audit?page=2&limit=5', 'audit_events'],
        ['/audit?entity_type=changeset', 'audit_events'],
        ['/audit?entity_type=changeset&entity_id={changeset}', 'audit_events'],
        ['/audit?action=created', 'audit_events'],
        ['/audit?actor_user_id={author}', 'audit_events'],
      ]
      for (const [path, collection] of reads) await ask('list', 'app_admin', 'GET', path, { collection })
    },

    async readDetails() {
      const reads: [string, string][] = [
        ['/workspaces/{workspace}', 'workspaces'],
        ['/changesets/{changeset}', 'changesets'],
        ['/releases/{release}', 'release_batches'],
        ['/jobs/{job}', 'jobs'],
        ['/runtime-profiles/{profile}', 'runtime_profiles'],
      ]
      // A workspace is its owner's; everything else any member may read.
      for (const [path, collection] of reads) await ask('detail', 'user', 'GET', path, { collection })
    },

    async askHealth() {
      await ask('health', 'user', 'GET', '/api/health')
    },
  }
}

function rowsOf(answer: HttpAnswer | undefined): Record<string, unknown>[] {
  const data = recordOf(answer?.json)?.data
  return Array.isArray(data) ? data.map((row) => recordOf(row) ?? {}) : []
}

function isId(id: unknown): id is string {
  return typeof id === 'string' && /^[0-9a-f]{24}$/.test(id)
}
