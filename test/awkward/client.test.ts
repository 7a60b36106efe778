// The client before a server that does everything wrong: every request ends within its deadline in an answer or in a failure
// with a reason, nothing but a ConmanError is ever thrown, and nothing goes to a host that a redirect names.

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Stack, startStack } from '../../harness/stack/stack.ts'
import * as apps from '../../harness/target/conman/apps.ts'
import type { Call } from '../../harness/target/conman/call.ts'
import * as changesets from '../../harness/target/conman/changesets.ts'
import type { NewProfile } from '../../harness/target/conman/environments.ts'
import * as environments from '../../harness/target/conman/environments.ts'
import * as jobs from '../../harness/target/conman/jobs.ts'
import * as platform from '../../harness/target/conman/platform.ts'
import * as releases from '../../harness/target/conman/releases.ts'
import * as temporary from '../../harness/target/conman/temporary-environments.ts'
import * as workspaces from '../../harness/target/conman/workspaces.ts'
import { Conman, ConmanError, type Session } from '../../harness/target/conman.ts'
import { HttpClient } from '../../harness/target/http.ts'
import { UNTHROTTLED } from '../../harness/target/own-stack.ts'
import { visibleLine } from '../../reports/visible.ts'
import { type Awkwardness, BROKEN, HOSTILE_TEXT, LIMITED, redirectTo, resetBeforeHeaders } from './broken.ts'
import { AwkwardProxy, type Rule } from './proxy.ts'

/** Long enough for 16 MB and a garbage collection on a busy machine. */
const WITHIN_MS = 10_000
/** For what ends by the deadline only. */
const SLOW_WITHIN_MS = 1_500

let stack: Stack
let admin: Session
beforeAll(async () => {
  stack = await startStack({ env: UNTHROTTLED })
  await using http = new HttpClient(stack.baseUrl)
  admin = await new Conman(http).login(stack.adminEmail, stack.adminPassword)
})
afterAll(() => stack?.[Symbol.asyncDispose]())

interface Facing extends AsyncDisposable {
  proxy: AwkwardProxy
  http: HttpClient
  conman: Conman
}

async function facing(...rules: Rule[]): Promise<Facing> {
  const proxy = await AwkwardProxy.start(stack.baseUrl)
  proxy.aim(...rules)
  const http = new HttpClient(proxy.url)
  return {
    proxy,
    http,
    conman: new Conman(http),
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]()
      await proxy[Symbol.asyncDispose]()
    },
  }
}

const within = ({ slow }: Awkwardness) => (slow ? SLOW_WITHIN_MS : WITHIN_MS)

describe('one request', () => {
  test.each(BROKEN)('$name', async (row) => {
    await using there = await facing(row)
    const started = performance.now()
    const answer = await there.http.request('GET', '/api/apps', { token: admin.token, within_ms: within(row) })
    expect(performance.now() - started).toBeLessThan(within(row) + 5_000)
    const { status, failure, json } = answer
    const seen = { status, failure }
    if (row.says === 'nothing') expect(seen).toMatchObject({ status: 0, failure: expect.stringMatching(/\S/) })
    else expect(seen).toMatchObject({ failure: undefined })
    if (row.says === 'refusal') expect(seen.status).toBeGreaterThanOrEqual(300)
    if (row.says === 'nonsense' || row.says === 'sense') expect(Math.floor(seen.status / 100)).toBe(2)
    if (row.says === 'sense') expect(json).toMatchObject({ data: [], pagination: { total: 0 } })
    // Nobody waits any more: what was given up is closed.
    if (row.says === 'nothing') await expect.poll(() => there.proxy.connections).toBeLessThanOrEqual(1)
  })

  test('what comes after nonsense on the same connection is the answer to what was asked', async () => {
    await using there = await facing({
      when: ({ path }) => path === '/api/health',
      does: BROKEN.find(({ name }) => name === 'two answers to one request')!.does,
    })
    for (let round = 0; round < 10; round += 1) {
      await there.http.request('GET', '/api/health')
      const answer = await there.http.request('GET', '/api/openapi.json')
      expect(answer.json).toMatchObject({ openapi: expect.stringMatching(/^3/) })
    }
  })
})

/** Every call there is, with ids that nothing has. */
function everyCall(): Call<unknown>[] {
  // Nobody's: five failed logins for one address, and the real ones behind it would be refused for a while.
  const email = `${randomUUID()}@nobody.test`
  const [app, id, other] = ['0'.repeat(24), '1'.repeat(24), '2'.repeat(24)]
  const profile: NewProfile = { name: 'p', kind: 'persistent_env', baseUrl: 'https://p.example.test' }
  const placement = { environmentId: id, releaseId: other, approvals: [] }
  return [
    ...[platform.health(), platform.metrics(), platform.description(), platform.logout()],
    ...[platform.login(email, 'p'), platform.forgotPassword('a@b.test'), platform.resetPassword('t', 'p')],
    ...[platform.preferences(), platform.changePreferences(true)],
    ...[apps.listApps(), apps.createApp({ name: 'n', repoPath: 'r.git' }), apps.readApp(app)],
    ...[apps.changeSettings(app, {}), apps.listMembers(app), apps.assignMember(app, id, 'user')],
    ...[apps.changeRole(app, id, 'user'), apps.removeMember(app, id), apps.invite(app, 'a@b.test', 'user')],
    ...[apps.resendInvite(app, id), apps.revokeInvite(app, id), apps.listAudit(app)],
    apps.acceptInvite({ token: 't', name: 'n', password: 'p' }, { appId: app, email: 'a@b.test' }),
    ...[environments.listEnvironments(app), environments.setEnvironments(app, []), environments.listProfiles(app)],
    ...[environments.createProfile(app, profile), environments.readProfile(app, id)],
    ...[environments.changeProfile(app, id, {}), environments.revealSecret(app, id, 'k')],
    ...[environments.listRevisions(app, id), environments.revertProfile(app, id, 1), environments.rotateKey(app, id)],
    ...[workspaces.listWorkspaces(app), workspaces.createWorkspace(app, 'b'), workspaces.readWorkspace(app, id)],
    ...[
      workspaces.renameWorkspace(app, id, 't'),
      workspaces.resetWorkspace(app, id),
      workspaces.syncWorkspace(app, id),
    ],
    ...[workspaces.checkpoint(app, id, 'm'), workspaces.listFiles(app, id), workspaces.readFile(app, id, 'f')],
    ...[workspaces.writeFile(app, id, { path: 'f', content: 'c' }), workspaces.deleteFile(app, id, 'f')],
    ...[changesets.listChangesets(app), changesets.createChangeset(app, id, 't'), changesets.readChangeset(app, id)],
    ...[changesets.renameChangeset(app, id, 't'), changesets.listOverrides(app, id), changesets.submit(app, id)],
    ...[changesets.setOverrides(app, id, []), changesets.review(app, id, 'approve'), changesets.enqueue(app, id)],
    ...[changesets.moveToDraft(app, id), changesets.diffFiles(app, id), changesets.diffText(app, id)],
    ...[
      changesets.listComments(app, id),
      changesets.comment(app, id, 'b'),
      changesets.editComment(app, id, other, 'b'),
    ],
    ...[changesets.listQueue(app), changesets.reorderQueue(app, [id])],
    ...[releases.listReleases(app), releases.createDraft(app), releases.readRelease(app, id)],
    ...[releases.selectChangesets(app, id, [other]), releases.reorderRelease(app, id, [other])],
    ...[releases.assemble(app, id), releases.publish(app, id), releases.listDeployments(app)],
    ...[releases.place('deploy', app, placement), releases.rollBack(app, { ...placement, mode: 'redeploy_prior_tag' })],
    ...[jobs.listJobs(app), jobs.readJob(app, id)],
    ...[temporary.listTemporary(app), temporary.createTemporary(app, { kind: 'workspace', id })],
    ...[temporary.extendTemporary(app, id, 2), temporary.undoExpire(app, id), temporary.deleteTemporary(app, id)],
  ]
}

describe('what is done with the answer', () => {
  // Slow ones are left to the request above: an operation adds nothing to its deadline.
  test.each(BROKEN.filter(({ slow }) => !slow))('$name', async (row) => {
    await using there = await facing(row)
    const { conman } = there
    const ended = await Promise.all(
      (row.heavy ? [apps.listApps(), releases.createDraft('0'.repeat(24))] : everyCall()).map((call: Call<unknown>) =>
        conman.do(admin.token, call).then(
          () => ({ what: call.what, error: undefined }),
          (error: unknown) => ({ what: call.what, error }),
        ),
      ),
    )
    const refused = ended.filter(({ error }) => error !== undefined)
    expect(refused.filter(({ error }) => !(error instanceof ConmanError))).toEqual([])
    if (row.says === 'nothing' || row.says === 'refusal') expect(refused).toHaveLength(ended.length)
    const login = conman.login(stack.adminEmail, stack.adminPassword)
    if (row.says === 'sense') expect(await login).toMatchObject({ userId: admin.userId })
    else await expect(login).rejects.toBeInstanceOf(ConmanError)
    for (const operation of [
      () => conman.defaultWorkspace(admin.token, '0'.repeat(24)),
      () => conman.createRelease(admin.token, '0'.repeat(24), []),
      () => conman.join(admin.token, '0'.repeat(24), { email: 'a@b.test', name: 'n', password: 'p', role: 'user' }),
    ]) {
      await expect(operation()).rejects.toBeInstanceOf(ConmanError)
    }
  })

  test('a list without an end is given up', async () => {
    await using there = await facing({
      does: ({ asked, response }) => {
        const row = { id: asked.query.get('page'), name: 'n', repo_path: 'r.git', integration_branch: 'main' }
        response.end(JSON.stringify({ data: [row], pagination: { page: 1, limit: 1, total: 1e9 } }))
      },
    })
    await expect(there.conman.all(admin.token, apps.listApps())).rejects.toBeInstanceOf(ConmanError)
  })

  test('what it says is kept in one line, and shown harmless', async () => {
    const row = BROKEN.find(({ name }) => name === 'an error that would repaint the terminal')!
    await using there = await facing(row)
    const error = await there.conman.all(admin.token, apps.listApps()).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(ConmanError)
    const shown = visibleLine((error as Error).message)
    expect(shown).toContain('evil⟦U+001B⟧')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is what is tested
    expect(shown).not.toMatch(/[\u0000-\u001f\u0080-\u009f\u202e\u2066\u200b]/)
    expect(HOSTILE_TEXT).toMatch(/\u202e/)
  })
})

describe('a redirect to another host', () => {
  test.each([301, 302, 303, 307, 308])('%i: nothing is sent there', async (status) => {
    const heard: string[] = []
    const other = createServer((request, response) => {
      heard.push(`${request.method} ${request.url} ${request.headers.authorization}`)
      response.end('{"data":[]}')
    })
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    await using there = await facing({ does: redirectTo(`http://127.0.0.1:${port}`, status) })
    const { conman, http } = there
    const answer = await http.request('GET', '/api/apps', { token: admin.token })
    expect(answer).toMatchObject({ status, redirectedTo: expect.stringContaining(`127.0.0.1:${port}`) })
    await expect(conman.login(stack.adminEmail, stack.adminPassword)).rejects.toBeInstanceOf(ConmanError)
    const app = { name: 'redirected', repoPath: 'redirected.git' }
    const account = { email: stack.adminEmail, password: stack.adminPassword, token: admin.token }
    await expect(conman.createApp(account, app)).rejects.toBeInstanceOf(ConmanError)
    expect(heard).toEqual([])
    other.close()
  })
})

describe('many at once', () => {
  test('resets among good answers spoil only the requests that they hit', async () => {
    await using there = await facing({ when: ({ number }) => number % 3 === 0, does: resetBeforeHeaders })
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => there.http.request('GET', '/api/apps', { token: admin.token })),
    )
    expect(answers.filter(({ status }) => status === 0)).toHaveLength(20)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(40)
  })
})

describe('a limit that never lifts', () => {
  test.each(LIMITED)('$name: waited for as long as is sane, and given up when that is wanted', async (row) => {
    await using there = await facing(row)
    const waits: number[] = []
    const ending = new AbortController()
    const conman = new Conman(there.http, (seconds) => waits.push(seconds), ending.signal)
    const asked = expect(conman.all(admin.token, apps.listApps())).rejects.toThrow('enough')
    await expect.poll(() => waits.length).toBe(1)
    expect(waits[0]).toBeGreaterThanOrEqual(1)
    expect(waits[0]).toBeLessThanOrEqual(65)
    ending.abort(new Error('enough'))
    await asked
    expect(there.proxy.asked).toHaveLength(1)
  })
})
