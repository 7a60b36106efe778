// The checks on evidence: one walk in which all is well, made from the table; then each way to fail, for its reason; then each way
// in which the harness itself can go wrong, which must fail nobody and pass nothing.

import { describe, expect, test } from 'vitest'
import { demandSchema } from '../../harness/evidence/store.ts'
import { WORDS } from '../lib/cast.ts'
import type { Probe } from '../lib/probe.ts'
import { BODIES, LISTS } from './bodies.ts'
import { roleChecks } from './check.ts'
import { type Cell, type RbacEvidence, RbacEvidenceSchema } from './evidence.ts'
import { askersOf, COLUMNS, expected, isUnknown, keyOf } from './expected.ts'
import { ROWS } from './rows.ts'

const ID = 'a'.repeat(24)
const UNKNOWN = 'b'.repeat(24)

function probe(as: string, operation: string, status: number, said = ''): Probe {
  const [method = '', route = ''] = operation.split(' ')
  const code = status === 401 ? 'unauthorized' : status === 403 ? 'forbidden' : null
  return {
    as,
    method,
    path: route.replaceAll(/\{\w+\}/g, ID),
    headers: [],
    body: null,
    body_bytes: 0,
    base64: [],
    variables: [],
    status,
    code,
    said: said === '' ? `HTTP ${status}${code === null ? '' : ` ${code}`}` : said,
    answer: '',
    answer_bytes: 0,
    answer_sha256: '',
  }
}

const cell = (actor: Cell['actor'], operation: string, status: number, way: Cell['way'] = 'own', said = ''): Cell => ({
  actor,
  way,
  probe: probe(WORDS[actor as keyof typeof WORDS], operation, status, said),
  changed: [],
  shows: [],
})

/** All as it should be. */
function good(): RbacEvidence {
  return {
    schema: 'readiness-rbac/1',
    app: ID,
    other: UNKNOWN,
    rows_read: true,
    actors: [...COLUMNS],
    absent: [],
    sessions: COLUMNS.filter((actor) => actor !== 'anonymous').map((actor) => ({
      actor,
      probe: probe(WORDS[actor], 'GET /api/apps/{appId}', 200),
    })),
    rows: ROWS.map((row) => {
      const { operation } = row
      const cells = askersOf(row).map((actor) =>
        cell(actor, operation, expected(row, actor) === 'refused' ? (isUnknown(actor) ? 401 : 403) : 200),
      )
      if (operation.includes('{appId}')) {
        cells.push(cell('anonymous', operation, 401, 'unknown-app'), cell('non_member', operation, 403, 'unknown-app'))
      }
      if (/\{(?!appId\})\w+\}/.test(operation)) {
        const gone = (id: string) => `HTTP 404 not_found: not found: thing ${id}`
        cells.push(
          cell('other_admin', operation, 404, 'through-other', gone(ID)),
          cell('both', operation, 404, 'through-other', gone(ID)),
          cell('other_admin', operation, 404, 'unknown-child', gone(UNKNOWN)),
        )
      }
      return {
        operation,
        cells,
        problem: null,
        lists_changed: [],
        lists_unread: [],
        noticed: operation.startsWith('GET ') ? null : { rows: true, lists: false },
      }
    }),
    bodies: BODIES.map(({ name }) => ({
      name,
      attack: probe(WORDS.other_admin, 'POST /api/apps/{appId}/x', 404),
      control: probe(WORDS.other_admin, 'POST /api/apps/{appId}/x', 201),
      kept_in: [],
      unread: [],
      changed: [],
    })),
    lists: LISTS.map(({ name }) => ({
      name,
      probe: probe(WORDS.other_admin, 'GET /api/apps/{appId}/x', 200),
      shows: [],
      control: probe(WORDS.app_admin, 'GET /api/apps/{appId}/x', 200),
      control_shows: ['a changeset'],
    })),
    promotions: (['user', 'reviewer', 'config_manager'] as const).flatMap((actor) =>
      ['POST /api/apps/{appId}/members', 'PATCH /api/apps/{appId}/members/{userId} (self)'].map((operation) => ({
        actor,
        operation,
        probe: probe(WORDS[actor], operation, 403),
        role_before: actor,
        role_after: actor,
      })),
    ),
  }
}

const rowOf = (evidence: RbacEvidence, operation: string) =>
  evidence.rows.find((row) => row.operation === operation) ?? expect.fail(`no row ${operation}`)
const cellOf = (evidence: RbacEvidence, operation: string, actor: string, way: Cell['way'] = 'own') =>
  rowOf(evidence, operation).cells.find((one) => one.actor === actor && one.way === way) ??
  expect.fail(`no cell ${actor} ${way}`)

function answered(evidence: RbacEvidence, operation: string, actor: string, status: number, way: Cell['way'] = 'own') {
  const one = cellOf(evidence, operation, actor, way)
  one.probe = { ...one.probe, status, code: null, said: `HTTP ${status}` }
}

function outcomes(evidence: RbacEvidence): Record<string, string> {
  demandSchema(RbacEvidenceSchema, evidence, 'the evidence')
  return Object.fromEntries(roleChecks.map((check) => [check.id, check.evaluate(evidence, {}).outcome]))
}

const verdict = (id: string, evidence: RbacEvidence) =>
  (roleChecks.find((check) => check.id === id) ?? expect.fail(id)).evaluate(evidence, {})

/** Those that are not passed, of what a change of good evidence brings. */
function notPassed(bend: (evidence: RbacEvidence) => void): Record<string, string> {
  const evidence = good()
  bend(evidence)
  return Object.fromEntries(Object.entries(outcomes(evidence)).filter(([, outcome]) => outcome !== 'pass'))
}

const APP = '/api/apps/{appId}'
const REVIEW = `POST ${APP}/changesets/{changesetId}/review`
const ASSEMBLE = `POST ${APP}/releases/{releaseId}/assemble`
const DEPLOY = `POST ${APP}/environments/{envId}/deploy`
const SETTINGS = `PATCH ${APP}/settings`
const REVEAL = `POST ${APP}/runtime-profiles/{profileId}/secrets/{key}/reveal`
const PROFILE = `PATCH ${APP}/runtime-profiles/{profileId}`

test('all as it should be: everything passes, with the numbers', () => {
  expect(notPassed(() => {})).toEqual({})
  expect(verdict('GL-S10', good()).n).toBeGreaterThan(700)
  expect(verdict('GL-S10', good()).tables[0]?.rows.length).toBe(ROWS.length)
  expect(verdict('S9', good()).verifiedBy).toEqual(['http', 'mongo', 'jwt-secret'])
})

describe('the table', () => {
  test('has each route once, in the contract’s words', () => {
    expect(new Set(ROWS.map(({ operation }) => operation)).size).toBe(ROWS.length)
    for (const { operation } of ROWS) expect(operation).toMatch(/^(GET|POST|PUT|PATCH|DELETE) \/api\/[\w{}/.-]+$/)
  })

  test.each([
    [
      REVIEW,
      {
        anonymous: 'refused',
        removed: 'refused',
        user: 'refused',
        both: 'refused',
        reviewer: 'let in',
        app_admin: 'let in',
      },
    ],
    [ASSEMBLE, { reviewer: 'refused', config_manager: 'let in' }],
    [SETTINGS, { config_manager: 'refused', lowered: 'refused', app_admin: 'let in' }],
    [
      `GET ${APP}`,
      { expired: 'refused', non_member: 'refused', other_admin: 'refused', lowered: 'let in', both: 'let in' },
    ],
    [
      `PUT ${APP}/workspaces/{workspaceId}/files`,
      { user: 'let in', both: 'refused', config_manager: 'refused', app_admin: 'either' },
    ],
    [`GET ${APP}/workspaces/{workspaceId}`, { user: 'let in', reviewer: 'either', non_member: 'refused' }],
    [`POST ${APP}/changesets/{changesetId}/submit`, { user: 'let in', app_admin: 'refused' }],
    [
      `POST ${APP}/changesets/{changesetId}/move-to-draft`,
      { user: 'let in', both: 'refused', config_manager: 'let in' },
    ],
    [`DELETE ${APP}/temp-envs/{tempEnvId}`, { user: 'let in', reviewer: 'refused', config_manager: 'either' }],
    ['GET /api/apps', { anonymous: 'refused', expired: 'refused', non_member: 'let in', removed: 'let in' }],
  ] as const)('%s', (operation, wanted) => {
    const row = ROWS.find((one) => one.operation === operation) ?? expect.fail(operation)
    for (const [actor, expectation] of Object.entries(wanted)) {
      expect([actor, expected(row, actor as keyof typeof wanted)]).toEqual([actor, expectation])
    }
  })

  test('each row has a key that opens it', () => {
    for (const row of ROWS) expect(expected(row, keyOf(row) ?? 'bystander')).toMatch(/let in|either/)
  })
})

describe('fails', () => {
  test.each([
    ['a user who approves', REVIEW, 'user', { S9: 'fail', 'GL-S10': 'fail' }],
    ['a user who assembles', ASSEMBLE, 'user', { S10: 'fail', 'GL-S10': 'fail' }],
    ['a user who deploys', DEPLOY, 'user', { S11: 'fail', 'GL-S10': 'fail' }],
    ['a reviewer who assembles', ASSEMBLE, 'reviewer', { S12: 'fail', 'GL-S10': 'fail' }],
    ['a reviewer who changes settings', SETTINGS, 'reviewer', { S13: 'fail', 'GL-S10': 'fail' }],
    ['a non-member who reads', `GET ${APP}/jobs`, 'non_member', { S14: 'fail', 'GL-S10': 'fail' }],
    ['another app’s admin who reads', `GET ${APP}/jobs`, 'other_admin', { S16: 'fail', 'GL-S10': 'fail' }],
    ['a removed member who reads', `GET ${APP}`, 'removed', { 'GL-S10': 'fail' }],
    ['an admin who was made a user and still invites', `POST ${APP}/invites`, 'lowered', { 'GL-S10': 'fail' }],
    ['an expired token', `GET ${APP}`, 'expired', { 'GL-S10': 'fail' }],
    ['nobody at all', 'POST /api/apps', 'anonymous', { 'GL-S10': 'fail' }],
  ])('%s', (_name, operation, actor, wanted) => {
    expect(notPassed((evidence) => answered(evidence, operation, actor, 200))).toEqual(wanted)
  })

  test('says who, where, what was wanted and got, how to ask again, and what mends it', () => {
    const evidence = good()
    answered(evidence, REVIEW, 'user', 200)
    const { because, findings, remedy } = verdict('S9', evidence)
    expect(because).toContain('a user was let in: HTTP 200')
    expect(findings.find(({ outcome }) => outcome === 'fail')).toMatchObject({
      claim: `a user is refused on ${REVIEW}`,
      wanted: expect.stringContaining('refused'),
      got: 'HTTP 200',
      repeat: expect.stringMatching(/^curl .*"\$CONMAN_BASE_URL"/),
      remedy: expect.stringMatching(/role/),
    })
    expect(remedy).toMatch(/role/)
  })

  test('by the path: a child of this app through another', () => {
    for (const actor of ['other_admin', 'both']) {
      expect(notPassed((evidence) => answered(evidence, REVIEW, actor, 200, 'through-other'))).toMatchObject({
        S16: 'fail',
      })
    }
  })

  test('a refusal after which something has changed', () => {
    const bent = (evidence: RbacEvidence) => {
      cellOf(evidence, PROFILE, 'other_admin', 'through-other').changed = ['runtime_profiles']
    }
    expect(notPassed(bent)).toEqual({ S16: 'fail' })
    const evidence = good()
    bent(evidence)
    expect(verdict('S16', evidence).because).toContain('and yet it changed: runtime_profiles')
    expect(notPassed((e) => void Object.assign(cellOf(e, SETTINGS, 'user'), { changed: ['apps'] }))).toEqual({
      'GL-S10': 'fail',
    })
  })

  test('a refusal that shows what is inside', () => {
    const bent = (e: RbacEvidence) =>
      void Object.assign(cellOf(e, REVEAL, 'other_admin', 'through-other'), { shows: ['the secret'] })
    expect(notPassed(bent)).toEqual({ S16: 'fail' })
  })

  test('a list of another app that shows this one, and a list of apps', () => {
    expect(notPassed((e) => void Object.assign(e.lists[0]!, { shows: ['a release'] }))).toEqual({ S16: 'fail' })
    const inList = (actor: string) => (e: RbacEvidence) =>
      void Object.assign(cellOf(e, 'GET /api/apps', actor), { shows: ['the app'] })
    expect(notPassed(inList('non_member'))).toEqual({ S14: 'fail' })
    expect(notPassed(inList('removed'))).toEqual({ 'GL-S10': 'fail' })
  })

  test('a foreign id in a body that is kept, whatever was answered', () => {
    for (const status of [201, 403, 500]) {
      const bent = (e: RbacEvidence) => {
        e.bodies[0]!.attack.status = status
        e.bodies[0]!.kept_in = ['listing changesets']
      }
      expect(notPassed(bent)).toEqual({ S16: 'fail' })
    }
  })

  test('a promotion: the role is another one, or it was let in', () => {
    expect(notPassed((e) => void Object.assign(e.promotions[0]!, { role_after: 'app_admin' }))).toEqual({ S15: 'fail' })
    expect(notPassed((e) => void Object.assign(e.promotions[0]!.probe, { status: 200 }))).toEqual({ S15: 'fail' })
  })

  test('an app that exists is told from one that does not', () => {
    const bent = (e: RbacEvidence) => answered(e, `GET ${APP}`, 'non_member', 404, 'unknown-app')
    expect(notPassed(bent)).toEqual({ S14: 'fail' })
    const words = (e: RbacEvidence) =>
      void Object.assign(cellOf(e, REVIEW, 'other_admin', 'through-other').probe, { said: 'HTTP 404: of another app' })
    expect(notPassed(words)).toEqual({ 'S16.alike': 'fail' })
  })

  test('a role that is refused what it allows, on what only reads', () => {
    expect(notPassed((e) => answered(e, `GET ${APP}/jobs`, 'reviewer', 403))).toEqual({ 'GL-S10': 'fail' })
  })

  test('the form of a refusal, and that alone', () => {
    expect(notPassed((e) => answered(e, SETTINGS, 'anonymous', 403))).toMatchObject({ 'GL-S10.form': 'fail' })
    expect(notPassed((e) => answered(e, SETTINGS, 'user', 404))).toEqual({ 'GL-S10.form': 'fail' })
  })

  test('without the database, what the lists show decides', () => {
    const bent = (e: RbacEvidence) => {
      e.rows_read = false
      rowOf(e, SETTINGS).lists_changed = ['settings']
      for (const row of e.rows) if (row.noticed !== null) row.noticed = { rows: null, lists: true }
    }
    expect(notPassed(bent)).toEqual({ 'GL-S10': 'fail' })
  })
})

describe('is not verified, and never a pass or a failure, where', () => {
  test.each([0, 429, 500, 502, 302, 408])('a refusal was answered %d', (status) => {
    expect(notPassed((e) => answered(e, REVIEW, 'user', status))).toEqual({
      S9: 'not-verified',
      'GL-S10': 'not-verified',
    })
  })

  test('the key does not open', () => {
    for (const status of [401, 403, 404, 405, 429, 500, 0]) {
      const bent = (e: RbacEvidence) => answered(e, REVIEW, 'reviewer', status)
      expect(notPassed(bent)).toMatchObject({ S9: 'not-verified', 'GL-S10': 'not-verified', S16: 'not-verified' })
    }
  })

  test('the state of things stops the key too: the door is not seen open, the matrix is', () => {
    expect(notPassed((e) => answered(e, REVIEW, 'reviewer', 409))).toEqual({ S9: 'not-verified' })
  })

  test('a session was not known to be good', () => {
    const bent = (e: RbacEvidence) => {
      e.sessions = e.sessions.filter(({ actor }) => actor !== 'non_member')
    }
    expect(notPassed(bent)).toEqual({ S14: 'not-verified', 'GL-S10': 'not-verified' })
  })

  test('somebody could not be made', () => {
    const bent = (e: RbacEvidence) => {
      e.absent = [{ actor: 'removed', because: 'there is no route' }]
      e.actors = e.actors.filter((actor) => actor !== 'removed')
      for (const row of e.rows) row.cells = row.cells.filter(({ actor }) => actor !== 'removed')
    }
    expect(notPassed(bent)).toEqual({ 'GL-S10': 'not-verified' })
  })

  test('no look noticed what the key did', () => {
    const bent = (e: RbacEvidence) => void Object.assign(rowOf(e, SETTINGS), { noticed: { rows: false, lists: false } })
    expect(notPassed(bent)).toMatchObject({ S13: 'not-verified', 'GL-S10': 'not-verified' })
  })

  test('lists show something else, and the rows of the database do not', () => {
    expect(notPassed((e) => void Object.assign(rowOf(e, SETTINGS), { lists_changed: ['settings'] }))).toEqual({
      'GL-S10': 'not-verified',
    })
    expect(notPassed((e) => void Object.assign(rowOf(e, SETTINGS), { lists_unread: ['settings'] }))).toEqual({
      'GL-S10': 'not-verified',
    })
  })

  test('a row could not be set up, or is missing', () => {
    const emptied = (e: RbacEvidence) => {
      const row = rowOf(e, DEPLOY)
      row.cells = []
      row.problem = 'what it is about was not made: releaseId'
    }
    expect(notPassed(emptied)).toMatchObject({ S11: 'not-verified', S14: 'not-verified', 'GL-S10': 'not-verified' })
    const gone = (e: RbacEvidence) =>
      void Object.assign(e, { rows: e.rows.filter(({ operation }) => operation !== DEPLOY) })
    expect(notPassed(gone)).toMatchObject({ S11: 'not-verified', 'GL-S10': 'not-verified' })
  })

  test('bodies, lists or promotions were not tried, or have nothing to be held against', () => {
    expect(notPassed((e) => void Object.assign(e, { bodies: [] }))).toEqual({ S16: 'not-verified' })
    expect(notPassed((e) => void Object.assign(e, { lists: [] }))).toEqual({ S16: 'not-verified' })
    expect(notPassed((e) => void Object.assign(e, { promotions: [] }))).toEqual({ S15: 'not-verified' })
    expect(notPassed((e) => void Object.assign(e.bodies[0]!, { control: null }))).toEqual({ S16: 'not-verified' })
    expect(notPassed((e) => void Object.assign(e.bodies[0]!.control!, { status: 403 }))).toEqual({
      S16: 'not-verified',
    })
    expect(notPassed((e) => void Object.assign(e.bodies[0]!, { unread: ['listing changesets'] }))).toEqual({
      S16: 'not-verified',
    })
    expect(notPassed((e) => void Object.assign(e.lists[0]!, { control_shows: [] }))).toEqual({ S16: 'not-verified' })
    expect(notPassed((e) => void Object.assign(e.promotions[0]!, { role_before: null, role_after: null }))).toEqual({
      S15: 'not-verified',
    })
  })

  test('a role is refused what it allows by what changes things: the state may be why', () => {
    expect(notPassed((e) => answered(e, REVIEW, 'config_manager', 403))).toEqual({ 'GL-S10': 'not-verified' })
  })

  test('everything is empty', () => {
    const empty: RbacEvidence = { ...good(), rows: [], bodies: [], lists: [], promotions: [], sessions: [], actors: [] }
    expect(new Set(Object.values(outcomes(empty)))).toEqual(new Set(['not-verified']))
  })
})

describe('does not apply', () => {
  test('where a target has no such route, and need not have it', () => {
    const bent = (e: RbacEvidence) => {
      for (const one of rowOf(e, `POST ${APP}/queue/reorder`).cells) {
        if (one.actor !== 'anonymous') one.probe = { ...one.probe, status: 404, said: 'HTTP 404' }
      }
    }
    expect(notPassed(bent)).toEqual({})
  })

  test('but a route that real has too must be there', () => {
    const bent = (e: RbacEvidence) => {
      for (const one of rowOf(e, REVIEW).cells) one.probe = { ...one.probe, status: 404, said: 'HTTP 404' }
    }
    expect(notPassed(bent)).toMatchObject({ S9: 'not-verified', 'GL-S10': 'not-verified' })
  })

  test('a PATCH of members that is absent is judged by the POST', () => {
    const bent = (e: RbacEvidence) => {
      for (const one of rowOf(e, `PATCH ${APP}/members/{userId}`).cells) {
        if (one.actor !== 'anonymous') one.probe = { ...one.probe, status: 405, said: 'HTTP 405' }
      }
      for (const one of e.promotions) if (one.operation.startsWith('PATCH')) one.probe.status = 405
    }
    expect(notPassed(bent)).toEqual({})
  })

  test('ids in bodies that a target leaves out are not taken', () => {
    expect(notPassed((e) => void Object.assign(e.bodies[0]!.attack, { status: 200 }))).toEqual({})
  })
})
