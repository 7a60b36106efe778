// A Conman on the bundled git backend, over HTTP alone: the bundled one, of which every step must work, and another program
// where READINESS_TEST_CONMAN names one, of which the table is printed and every step must at least be answered.

import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Stack, startStack } from '../harness/stack/stack.ts'

const FOREIGN = process.env.READINESS_TEST_CONMAN

interface Step {
  name: string
  status: number
}

interface Answer {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: what a program answers that nobody here wrote
  data: any
}

/** The routes that reach the git backend (contract: git-backend §1.1), in an order in which each has what it needs. */
async function walk(stack: Stack): Promise<Step[]> {
  const steps: Step[] = []
  let token = ''

  async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${stack.baseUrl}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) },
      ...(method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }),
      signal: AbortSignal.timeout(60_000),
    })
    const text = await response.text()
    try {
      return { status: response.status, data: JSON.parse(text).data }
    } catch {
      return { status: response.status, data: undefined }
    }
  }
  async function step(name: string, method: string, path: string, body?: unknown) {
    const answer = await ask(method, path, body)
    steps.push({ name, status: answer.status })
    return answer.data
  }
  async function login(email: string, password: string) {
    token = ''
    token = (await ask('POST', '/api/auth/login', { email, password })).data?.token ?? ''
  }
  const admin = () => login(stack.adminEmail, stack.adminPassword)
  async function jobDone(app: string, id: string | undefined) {
    for (let turn = 0; id !== undefined && turn < 300; turn += 1) {
      const state = (await ask('GET', `${app}/jobs/${id}`)).data?.job?.state
      if (state === undefined || state === 'succeeded' || state === 'failed' || state === 'canceled') return
      await delay(100)
    }
  }

  await stack.createRepository('walk/demo.git', { 'README.md': '# Demo\n', 'config/app.yaml': 'a: 1\n' })
  await admin()
  const made = await step('create an app', 'POST', '/api/apps', { name: 'demo', repo_path: 'walk/demo.git' })
  const app = `/api/apps/${made?.id}`
  // Some programs freeze roles in the token.
  await admin()
  const invite = await step('invite a reviewer', 'POST', `${app}/invites`, {
    email: 'reviewer@readiness.test',
    role: 'config_manager',
  })
  const reviewer = { name: 'Reviewer', password: 'Passw0rd-123456' }
  await step('accept the invite', 'POST', '/api/auth/accept-invite', { token: invite?.token, ...reviewer })
  const spaces = await step('list workspaces', 'GET', `${app}/workspaces`)
  const space = `${app}/workspaces/${spaces?.[0]?.id}`
  await step('list the root', 'GET', `${space}/files`)
  await step('read a file', 'GET', `${space}/files?path=README.md`)
  await step('list a directory', 'GET', `${space}/files?path=config`)
  const content = (text: string) => Buffer.from(text).toString('base64')
  await step('write a file', 'PUT', `${space}/files`, { path: 'config/app.yaml', content: content('a: 2\n') })
  await step('write another', 'PUT', `${space}/files`, { path: 'config/b.yaml', content: content('b: 1\n') })
  await step('delete it', 'DELETE', `${space}/files`, { path: 'config/b.yaml' })
  await step('checkpoint', 'POST', `${space}/checkpoints`, { message: 'so far' })
  await step('sync', 'POST', `${space}/sync-integration`)
  const begun = { workspace_id: spaces?.[0]?.id, title: 'Walk' }
  const changeset = await step('begin a changeset', 'POST', `${app}/changesets`, begun)
  const change = `${app}/changesets/${changeset?.id}`
  await step('see its diff', 'GET', `${change}/diff`)
  await step('see its raw diff', 'GET', `${change}/diff?format=raw`)
  const submitted = await step('submit it', 'POST', `${change}/submit`)
  await jobDone(app, submitted?.job?.id)
  await login('reviewer@readiness.test', reviewer.password)
  await step('approve it', 'POST', `${change}/review`, { action: 'approve', decision: 'approved' })
  await step('queue it', 'POST', `${change}/queue`)
  const release = await step('create a release', 'POST', `${app}/releases`)
  const url = `${app}/releases/${release?.id}`
  await step('select the changeset', 'POST', `${url}/changesets`, { changeset_ids: [changeset?.id] })
  const assembling = await step('assemble', 'POST', `${url}/assemble`)
  await jobDone(app, assembling?.job?.id)
  let published = await ask('POST', `${url}/publish`)
  // Some programs run a gate of their own first, and say so with a 409.
  for (let turn = 0; published.status === 409 && turn < 20; turn += 1) {
    await delay(500)
    published = await ask('POST', `${url}/publish`)
  }
  steps.push({ name: 'publish', status: published.status })
  await admin()
  await step('reset the workspace', 'POST', `${space}/reset`)
  return steps
}

describe('the bundled Conman on the bundled git backend', () => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack()
  })
  afterAll(() => stack?.[Symbol.asyncDispose]())

  test('every route that reaches git works', async () => {
    const steps = await walk(stack)
    expect(steps.filter(({ status }) => status !== 200 && status !== 201)).toEqual([])
    expect(steps).toHaveLength(23)
  })
})

describe.skipIf(!FOREIGN)(
  `another Conman on it${FOREIGN ? '' : ' (not run: READINESS_TEST_CONMAN="/path/to/conman" names a program)'}`,
  () => {
    test('every route is answered; what differs is printed', async () => {
      const [command = '', ...args] = (FOREIGN ?? '').split(' ')
      await using stack = await startStack({ conman: { command, args, roles: 'single', mongoPath: 'direct' } })
      const steps = await walk(stack)
      console.log(steps.map(({ name, status }) => `${status}  ${name}`).join('\n'))
      expect(steps.every(({ status }) => status >= 200 && status < 600)).toBe(true)
      // Whatever it said, it is still there.
      expect((await fetch(`${stack.baseUrl}/api/health`)).status).toBeLessThan(600)
    })
  },
)
