// `./readiness clean` on a real Conman that is aimed at by its URL: what a run made goes as far as the API can take it away,
// also when the run was killed half-way, and nothing else changes, which the database is asked.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MongoClient, ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CleaningOptions, clean } from '../harness/cleaning.ts'
import { type Stack, startStack } from '../harness/stack/stack.ts'
import { waitFor } from '../harness/stack/wait-for.ts'
import { invite, listMembers } from '../harness/target/conman/apps.ts'
import { createChangeset, listChangesets, submit } from '../harness/target/conman/changesets.ts'
import { createTemporary, listTemporary } from '../harness/target/conman/temporary-environments.ts'
import { createWorkspace, writeFile } from '../harness/target/conman/workspaces.ts'
import { Conman, type Session } from '../harness/target/conman.ts'
import { HttpClient } from '../harness/target/http.ts'
import { type MadeLine, readMade } from '../harness/target/made.ts'
import { UNTHROTTLED } from '../harness/target/own-stack.ts'
import { passwordOf } from '../seed/people.ts'
import { Sandbox } from './sandbox.ts'

const PREFIX = 'readiness-00c0de'

let stack: Stack
let mongo: MongoClient
let http: HttpClient
let admin: { email: string; password: string }

beforeAll(async () => {
  stack = await startStack({ env: UNTHROTTLED })
  mongo = await new MongoClient(stack.mongoUri).connect()
  http = new HttpClient(stack.baseUrl)
  admin = { email: stack.adminEmail, password: stack.adminPassword }
})
afterAll(async () => {
  await http?.[Symbol.asyncDispose]()
  await mongo?.close()
  await stack?.[Symbol.asyncDispose]()
})

/** Whole rows of everything that is somebody's, by collection and id: what is read from it now, and what was before. */
async function database(): Promise<Map<string, string>> {
  const rows = new Map<string, string>()
  const db = mongo.db(stack.databaseName)
  // What a job still has to write is nobody's change but the server's own: it is waited for.
  await expect.poll(() => db.collection('jobs').countDocuments({ finished_at: null }), { timeout: 60_000 }).toBe(0)
  for (const { name } of await db.listCollections().toArray()) {
    // What the server tells of itself as time goes on.
    if (/^(audit_events|notification_events|runner_|rate_|login_|job)/.test(name)) continue
    for (const row of await db.collection(name).find().toArray()) {
      rows.set(`${name} ${row._id}`, createHash('sha256').update(JSON.stringify(row)).digest('hex'))
    }
  }
  return rows
}

/** Ids of the rows that a temporary environment brought along, and takes away with itself. */
async function profileOf(temporary: string): Promise<string[]> {
  const db = mongo.db(stack.databaseName)
  const found = await db.collection('temp_environments').findOne({ _id: new ObjectId(temporary) })
  const profile = found?.runtime_profile_id as ObjectId
  const revisions = await db.collection('runtime_profile_revisions').find({ profile_id: profile }).toArray()
  return [profile, ...revisions.map(({ _id }) => _id)].map(String)
}

function changed(before: Map<string, string>, after: Map<string, string>): string[] {
  const keys = new Set([...before.keys(), ...after.keys()])
  return [...keys].filter((key) => before.get(key) !== after.get(key)).sort()
}

interface Made {
  appId: string
  temporary: string
  draft: string
  submitted: string
  invite: string
  lines: MadeLine[]
}

/** An app with what a run leaves: a member, a temporary environment of theirs, two changesets, an invite that nobody took. */
async function makeThings(prefix: string): Promise<Made> {
  const lines: MadeLine[] = []
  const conman = new Conman(http)
  conman.onMade = (made) => lines.push({ ...made })
  const email = `${prefix}-user-0001@readiness.test`
  const repoPath = `${prefix}.git`
  await stack.createRepository(repoPath, { 'README.md': '# Things\n' })
  const session = await conman.login(admin.email, admin.password)
  const { app, session: again } = await conman.createApp(
    { ...admin, token: session.token },
    { name: `${prefix}-edits`, repoPath },
  )
  const user = await conman.join(again.token, app.id, {
    email,
    name: 'Somebody',
    password: passwordOf(email, admin.password),
    role: 'user',
  })
  const invited = await conman.do(again.token, invite(app.id, `${prefix}-user-0002@readiness.test`, 'user'))
  const workspace = await conman.defaultWorkspace(user.token, app.id)
  const temporary = await conman.do(user.token, createTemporary(app.id, { kind: 'workspace', id: workspace.id }))
  await conman.jobEnded(user.token, app.id, temporary.job!)
  const [draft, submitted] = [await begin(conman, user, app.id, 'draft'), await begin(conman, user, app.id, 'sent')]
  const sent = await conman.do(user.token, submit(app.id, submitted))
  await conman.jobEnded(user.token, app.id, sent.job!)
  return { appId: app.id, temporary: temporary.environment.id, draft, submitted, invite: invited.id!, lines }
}

/** Somebody who was let into the run's app, and works there: of the run is only what its own people made. */
async function workAsGuest(appId: string): Promise<void> {
  const conman = new Conman(http)
  const { token } = await conman.login(admin.email, admin.password)
  const password = passwordOf('guest', admin.password)
  const guest = await conman.join(token, appId, { email: 'guest@example.test', name: 'Guest', password, role: 'user' })
  const workspace = await conman.defaultWorkspace(guest.token, appId)
  const temporary = await conman.do(guest.token, createTemporary(appId, { kind: 'workspace', id: workspace.id }))
  await conman.jobEnded(guest.token, appId, temporary.job!)
  const sent = await conman.do(guest.token, submit(appId, await begin(conman, guest, appId, 'guest')))
  await conman.jobEnded(guest.token, appId, sent.job!)
}

async function begin(conman: Conman, { token }: Session, appId: string, name: string): Promise<string> {
  const { id } = await conman.do(token, createWorkspace(appId, name))
  await conman.do(token, writeFile(appId, id, { path: `${name}.yaml`, content: Buffer.from(`${name}: 1\n`) }))
  return (await conman.do(token, createChangeset(appId, id, name))).id
}

const cleaning = (made: Pick<CleaningOptions['made'], 'prefix' | 'lines'>, dryRun = false) =>
  clean({ conman: new Conman(http), admin, made, dryRun, onProgress() {} })

describe('what a run made', () => {
  let ours: Made
  let others: Made
  beforeAll(async () => {
    ours = await makeThings(PREFIX)
    await workAsGuest(ours.appId)
    // Other people's: a name that only begins alike, and one that contains the prefix.
    others = await makeThings(`${PREFIX}4`)
    await makeThings(`not-${PREFIX}`)
  })

  test('is told by a dry run, and nothing changes', async () => {
    const before = await database()
    const { removed } = await cleaning({ prefix: PREFIX, lines: ours.lines }, true)
    expect(removed.map(({ kind }) => kind).sort()).toEqual(['changeset', 'invite', 'member', 'temp-env'])
    expect(changed(before, await database())).toEqual([])
  })

  test('goes as far as the API can take it away; nothing else changes', async () => {
    const before = await database()
    const profile = await profileOf(ours.temporary)
    const { removed, failed, stays } = await cleaning({ prefix: PREFIX, lines: ours.lines })
    expect(failed).toEqual([])
    expect(removed.map(({ kind, id }) => [kind, id]).sort()).toEqual([
      ['changeset', ours.submitted],
      ['invite', ours.invite],
      ['temp-env', ours.temporary],
    ])
    expect(stays.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['app', 'audit rows', 'changeset', 'member', 'repository', 'user', 'workspace']),
    )
    expect(stays.find(({ id }) => id === ours.draft)?.because).toMatch(/it is draft/)

    const rows = changed(before, await database())
    const touched = rows.filter(
      (row) => ![ours.submitted, ours.invite, ours.temporary, ...profile].some((id) => row.includes(id)),
    )
    // The review of the changeset that was rejected is a row of its own.
    expect(touched.filter((row) => !row.startsWith('changeset_reviews '))).toEqual([])
    expect(rows.length).toBeGreaterThanOrEqual(3)
  })

  test('once more: nothing is left to be done', async () => {
    const { removed, failed } = await cleaning({ prefix: PREFIX, lines: ours.lines })
    expect([removed, failed]).toEqual([[], []])
  })

  test('is found by the prefix alone, when the ledger is lost', async () => {
    const alone = await makeThings('readiness-beefed')
    const { removed } = await cleaning({ prefix: 'readiness-beefed', lines: [] })
    expect(removed.map(({ id }) => id).sort()).toEqual([alone.submitted, alone.temporary].sort())
  })

  test('of others is as it was', async () => {
    const conman = new Conman(http)
    const { token } = await conman.login(admin.email, admin.password)
    expect(await conman.all(token, listTemporary(others.appId))).toMatchObject([{ state: 'active' }])
    const states = (await conman.all(token, listChangesets(others.appId))).map(({ state }) => state)
    expect(states.sort()).toEqual(['draft', 'submitted'])
    expect(await conman.all(token, listMembers(others.appId))).toHaveLength(2)
  })

  test('a ledger that names what is somebody else’s takes nothing from them', async () => {
    const before = await database()
    const forged = others.lines.map((line) => ({ ...line }))
    await cleaning({ prefix: 'readiness-0ff1ce', lines: forged })
    expect(changed(before, await database())).toEqual([])
  })
})

describe('the command', () => {
  const sandbox = new Sandbox()
  afterAll(() => sandbox[Symbol.dispose]())
  const aim = () => ({
    CONMAN_BASE_URL: stack.baseUrl,
    CONMAN_ADMIN_EMAIL: stack.adminEmail,
    CONMAN_ADMIN_PASSWORD: stack.adminPassword,
  })
  const consent = () => ({ ...aim(), CONMAN_CONSENT_HOST: new URL(stack.baseUrl).host })

  test('finds what a run made that was killed half-way', async () => {
    await stack.createRepository('killed.git', { 'README.md': '# Killed\n' })
    const run = sandbox.start(['run', 'L1', '--profile', 'smoke', '--allow-writes'], {
      ...consent(),
      CONMAN_REPOS: 'killed.git',
    })
    let made: MadeLine[] = []
    await waitFor(
      () => {
        const [newest] = sandbox.runs().filter((name) => name !== 'latest')
        if (newest !== undefined) made = readMade(join(sandbox.folder, 'runs', newest, 'made.jsonl'))
        return made.filter(({ kind, phase }) => kind === 'user' && phase === 'made').length >= 3
      },
      { what: 'some users to be made', within_ms: 60_000, every_ms: 20 },
    )
    execFileSync('kill', ['-9', '--', `-${run.child.pid}`])
    await run.ended
    await sandbox.expectNothingLeft()
    const [id] = sandbox.runs().filter((name) => name !== 'latest')
    const text = readFileSync(join(sandbox.folder, 'runs', id!, 'made.jsonl'), 'utf8')
    expect(text).not.toContain(stack.adminPassword)

    const refused = await sandbox.readiness(['clean', id!], aim())
    expect(refused).toMatchObject({ code: 3 })
    expect(refused.stderr).toMatch(/there is no consent to that\n {2}→ .*--dry-run needs none/)
    const elsewhere = await sandbox.readiness(['clean', id!, '--dry-run'], {
      ...aim(),
      CONMAN_BASE_URL: 'http://127.0.0.1:9',
    })
    expect(elsewhere).toMatchObject({ code: 3 })
    expect(elsewhere.stderr).toMatch(/the run was aimed at .*, and this command at http:\/\/127\.0\.0\.1:9/)

    const cleaned = await sandbox.readiness(['clean', id!, '--allow-writes', '--json'], consent())
    expect(cleaned.code).toBe(0)
    const { removed, failed, stays } = JSON.parse(cleaned.stdout) as Awaited<ReturnType<typeof clean>>
    expect(failed).toEqual([])
    const emails = [...removed, ...stays].map(({ name }) => name)
    for (const { kind, name, phase } of made) if (kind === 'user' && phase === 'made') expect(emails).toContain(name)
    expect(stays.filter(({ kind }) => kind === 'app')).toHaveLength(1)

    const last = await sandbox.readiness(['clean', id!, '--allow-writes'], consent())
    expect(last.stdout.trimEnd().split('\n').at(-1)).toMatch(/^0 removed, 0 failed, \d+ cannot be removed by the API$/)
  })
})
