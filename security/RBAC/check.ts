// S9 to S16 and GL-S10: who may do what, from one table and one walk. Pure: what was asked and what came in, verdicts out.

import type { Check, Finding, Level, Table } from '../../harness/check.ts'
import { verdictOf } from '../../harness/verdict.ts'
import { type ActorName, WORDS } from '../lib/cast.ts'
import { controlFinding, receptionOf, together, told } from '../lib/claims.ts'
import { BODIES, LISTS } from './bodies.ts'
import { bodyFinding, listFinding, promotionFinding } from './claims.ts'
import type { RbacEvidence } from './evidence.ts'
import { rbacGatherer } from './gather.ts'
import { cellOf, findingOf, type JudgedCell, type JudgedRow, judgeRows } from './judgement.ts'
import { matrixOf } from './matrix.ts'

interface Rule {
  id: string
  level?: Level
  title: string
  failureTitle: string
  source?: string
  text: string
  remedy: string
  findings(evidence: RbacEvidence, rows: JudgedRow[]): Finding[]
  tables?(evidence: RbacEvidence, rows: JudgedRow[]): Table[]
}

const APP = '/api/apps/{appId}'
const REVIEW = `POST ${APP}/changesets/{changesetId}/review`
const ASSEMBLE = `POST ${APP}/releases/{releaseId}/assemble`
const DEPLOY = `POST ${APP}/environments/{envId}/deploy`
const SETTINGS = `PATCH ${APP}/settings`

const USERS: readonly ActorName[] = ['user', 'lowered', 'both']

const ROLE_FIRST = 'ask for the role before anything else is done, and read it from the database at each request'
const BY_APP = 'look things up by their id and by the app in the path together, before anything is written'

const RULES: readonly Rule[] = [
  {
    id: 'S9',
    title: 'A user cannot approve a changeset',
    failureTitle: 'Users can approve changesets',
    text: '`user` cannot approve → 403',
    remedy: ROLE_FIRST,
    findings: (_, rows) => refusals(rows, REVIEW, USERS),
  },
  {
    id: 'S10',
    title: 'A user cannot assemble a release',
    failureTitle: 'Users can assemble releases',
    text: '`user` cannot assemble → 403',
    remedy: ROLE_FIRST,
    findings: (_, rows) => refusals(rows, ASSEMBLE, USERS),
  },
  {
    id: 'S11',
    title: 'A user cannot deploy a release',
    failureTitle: 'Users can deploy releases',
    text: '`user` cannot deploy → 403',
    remedy: ROLE_FIRST,
    findings: (_, rows) => refusals(rows, DEPLOY, USERS),
  },
  {
    id: 'S12',
    title: 'A reviewer cannot assemble a release',
    failureTitle: 'Reviewers can assemble releases',
    text: '`reviewer` cannot assemble → 403',
    remedy: ROLE_FIRST,
    findings: (_, rows) => refusals(rows, ASSEMBLE, ['reviewer']),
  },
  {
    id: 'S13',
    title: 'A reviewer cannot change the settings of an app',
    failureTitle: 'Reviewers can change the settings of an app',
    text: '`reviewer` cannot change settings → 403',
    remedy: ROLE_FIRST,
    findings: (_, rows) => refusals(rows, SETTINGS, ['reviewer']),
  },
  {
    id: 'S14',
    title: 'A non-member gets nowhere in an app, and does not learn whether it exists',
    failureTitle: 'Non-members get into apps, or learn which exist',
    text: 'non-member → 403; decisions, ‘unknown app’: alike for what exists and what does not',
    remedy: 'refuse whoever has no role on the app in the path, with one answer for any app',
    findings: (evidence, rows) => [
      everywhere('a non-member is refused on every route of the app', rows, ['non_member']),
      alike('an app that exists is refused like one that does not', rows, ['non_member', 'anonymous'], 'unknown-app'),
      hiddenFrom(evidence, 'non_member'),
    ],
  },
  {
    id: 'S15',
    title: 'Nobody but an app admin gives a role, not even to himself',
    failureTitle: 'People can give themselves the role app_admin',
    text: 'non-admin sending `role: "app_admin"` → 403 (E12: `PATCH …/members/self`)',
    remedy: 'ask for app_admin on every route that writes a membership, before the subject is looked up',
    findings: (evidence, rows) => [
      controlFinding('an app admin gives a role', rowOf(rows, `POST ${APP}/members`)?.control),
      ...promotionFinding(evidence, rows),
    ],
  },
  {
    id: 'S16',
    title: 'A role on one app gives nothing on another',
    failureTitle: 'A role on one app opens another',
    text: 'role on app A gives nothing on app B; in nested paths, in bodies that carry ids, in lists',
    remedy: BY_APP,
    findings: (evidence, rows) => [
      everywhere('another app’s admin is refused on every route of the app', rows, ['other_admin']),
      everywhere('a user who is another app’s admin is a user here', rows, ['both']),
      crossings('what is in the app is not reached by way of another app', rows),
      ...BODIES.map(({ name }) => bodyFinding(name, evidence, rows)),
      ...LISTS.map(({ name }) => listFinding(name, evidence)),
      hiddenFrom(evidence, 'other_admin'),
    ],
  },
  {
    id: 'S16.alike',
    level: 'SHOULD',
    title: 'What another app has is answered like what does not exist',
    failureTitle: 'By trying ids, another app’s admin learns what this one has',
    source: 'guides: security, ‘the same answer for what exists and what does not’',
    text: 'a child of another app and one that does not exist are refused alike',
    remedy: 'answer not_found for both, in the same words',
    findings: (_, rows) => [
      alike('a child of another app is refused like one that does not exist', rows, ['other_admin'], 'unknown-child'),
    ],
  },
  {
    id: 'GL-S10',
    title: 'Every route lets in whom the matrix lets in, and nobody else',
    failureTitle: 'Routes let in people whom their role does not allow',
    source: 'E12 §10 GL-S10',
    text: 'RBAC enforced for every gated operation, full matrix tested; decisions: a role taken away works at once',
    remedy: ROLE_FIRST,
    findings: (evidence, rows) => [
      ...rows.map((row) => rowFinding(row)),
      ...evidence.absent.map(
        ({ actor, because }): Finding => ({
          claim: `${WORDS[actor as ActorName]} was among those who asked`,
          outcome: 'not-verified',
          because,
        }),
      ),
      hiddenFrom(evidence, 'removed'),
    ],
    tables: (evidence, rows) => [matrixOf(evidence, rows)],
  },
  {
    id: 'GL-S10.form',
    level: 'SHOULD',
    title: 'Refusals come in their specified form',
    failureTitle: 'Refusals come in another form than specified',
    source: 'http-api chapter 6 HD1, decisions C13',
    text: '401 `unauthorized` without a good token, 403 `forbidden` without the role',
    remedy: 'answer 401 unauthorized where the token is missing or has ended, 403 forbidden where the role is too low',
    findings: (_, rows) => [
      form('without a good token: 401 unauthorized', rows, ['anonymous', 'expired'], 401, 'unauthorized'),
      form(
        'without the role: 403 forbidden',
        rows,
        ['non_member', 'user', 'lowered', 'reviewer', 'config_manager'],
        403,
        'forbidden',
      ),
    ],
  },
]

export const roleChecks: readonly Check<RbacEvidence>[] = RULES.map((rule) => ({
  id: rule.id,
  title: rule.title,
  failureTitle: rule.failureTitle,
  requirement: {
    level: rule.level ?? 'MUST',
    source: rule.source ?? `data-and-runtime §6.9 ${rule.id}`,
    text: rule.text,
  },
  gatherer: rbacGatherer,
  profiles: ['smoke', 'standard', 'golive'],
  limits: [],
  evaluate(evidence) {
    const rows = judgeRows(evidence)
    const findings = rule.findings(evidence, rows)
    const n = findings.reduce((sum, finding) => sum + (finding.n ?? 0), 0)
    return {
      ...verdictOf({
        findings,
        whenPassed: `${n} requests, each beside its control: ${findings.length === 1 ? '1 claim' : `${findings.length} claims`}`,
        verifiedBy: [
          'http',
          ...(evidence.rows_read ? (['mongo'] as const) : []),
          ...(evidence.actors.includes('expired') ? (['jwt-secret'] as const) : []),
        ],
        tables: rule.tables?.(evidence, rows) ?? [],
        remedy: rule.remedy,
      }),
      n,
    }
  },
}))

function rowOf(rows: readonly JudgedRow[], operation: string): JudgedRow | undefined {
  return rows.find(({ row }) => row.operation === operation)
}

function claimOf({ row }: JudgedRow, { actor, wanted }: Pick<JudgedCell, 'actor' | 'wanted'>): string {
  return `${WORDS[actor]} is ${wanted === 'either' ? 'answered' : wanted} on ${row.operation}`
}

/** That the key opens a door, and that these do not. */
function refusals(rows: readonly JudgedRow[], operation: string, actors: readonly ActorName[]): Finding[] {
  const row = rowOf(rows, operation)!
  return [
    controlFinding(`the key opens ${operation}`, row.control),
    ...row.cells
      .filter(({ actor }) => actors.includes(actor))
      .map((cell) => findingOf(claimOf(row, cell), cell, ROLE_FIRST)),
  ]
}

/** On all routes below an app on which they are to be refused. */
function everywhere(claim: string, rows: readonly JudgedRow[], actors: readonly ActorName[]): Finding {
  return together(
    claim,
    rows
      .filter(({ row }) => row.operation.includes('{appId}'))
      .flatMap((row) =>
        row.cells
          .filter(({ actor, wanted }) => actors.includes(actor) && wanted === 'refused')
          .map((cell) => findingOf(claimOf(row, cell), named(row, cell), ROLE_FIRST)),
      ),
  )
}

function crossings(claim: string, rows: readonly JudgedRow[]): Finding {
  return together(
    claim,
    rows.flatMap((row) =>
      row.crossings.map((cell) => findingOf(claim, named(row, cell, 'by way of the other app'), BY_APP)),
    ),
  )
}

/** With the route in its words: many routes stand in one claim. */
function named({ row }: JudgedRow, cell: JudgedCell, how = ''): JudgedCell {
  return { ...cell, because: `${row.operation}${how === '' ? '' : ` ${how}`}: ${cell.because}` }
}

function rowFinding(row: JudgedRow): Finding {
  const claim = `${row.row.operation}: ${lowestInWords(row)}`
  const cells = row.cells.map((cell) => findingOf(claim, named(row, cell), ROLE_FIRST))
  const lists: Finding = { claim, ...row.lists, because: `${row.row.operation}: ${row.lists.because}` }
  return { ...together(claim, [...cells, lists]), n: row.cells.filter(({ probe }) => probe !== null).length }
}

function lowestInWords({ row: { lowest, own } }: JudgedRow): string {
  if (lowest === 'open') return 'open to everybody'
  if (lowest === 'in') return 'for whoever is signed in'
  return `${lowest} and up${own === undefined ? '' : ', on one’s own'}`
}

/** Status, code and words, without the ids that were asked for. */
function shape(said: string): string {
  return said.replace(/\b[0-9a-f]{24}\b/gi, '<id>')
}

function alike(
  claim: string,
  rows: readonly JudgedRow[],
  actors: readonly ActorName[],
  way: 'unknown-app' | 'unknown-child',
): Finding {
  const there = way === 'unknown-app' ? 'own' : 'through-other'
  return together(
    claim,
    rows.flatMap(({ row, taken, absent }) =>
      actors.flatMap((actor): Finding[] => {
        const [known, unknown] = [cellOf(taken, actor, there)?.probe, cellOf(taken, actor, way)?.probe]
        if (absent || unknown === undefined) return []
        if (known === undefined)
          return [{ claim, outcome: 'not-verified', because: `${row.operation}: it was not tried` }]
        if (receptionOf(known) !== 'refused' || receptionOf(unknown) !== 'refused') {
          const because = `${row.operation}: one of the two was not refused: ${known.said}; ${unknown.said}`
          return [{ claim, outcome: 'not-verified', because, n: 2 }]
        }
        if (shape(known.said) === shape(unknown.said)) return [{ claim, outcome: 'pass', because: known.said, n: 2 }]
        return [
          {
            claim,
            outcome: 'fail',
            because: `${row.operation}, ${known.as}: what exists is told from what does not: ‘${known.said}’ and ‘${unknown.said}’`,
            n: 2,
            ...told(known, `as for what does not exist: ${unknown.said}`),
          },
        ]
      }),
    ),
  )
}

/** The list of apps shows an app to its members only. */
function hiddenFrom({ rows, absent }: RbacEvidence, actor: ActorName): Finding {
  const claim = `the list of apps does not show the app to ${WORDS[actor]}`
  const taken = rows.find(({ operation }) => operation === 'GET /api/apps')
  const [cell, control] = [cellOf(taken, actor), cellOf(taken, 'app_admin')]
  const why = absent.find((one) => one.actor === actor)?.because
  if (cell === undefined || receptionOf(cell.probe) !== 'let in') {
    return { claim, outcome: 'not-verified', because: why ?? cell?.probe.said ?? 'it was not asked for' }
  }
  if (cell.shows.length > 0) {
    return {
      claim,
      outcome: 'fail',
      because: `it shows ${cell.shows.join(', ')}`,
      n: 1,
      ...told(cell.probe, 'own apps only'),
    }
  }
  return control !== undefined && receptionOf(control.probe) === 'let in'
    ? { claim, outcome: 'pass', because: 'it is not there', n: 1 }
    : { claim, outcome: 'not-verified', because: 'the list could not be read by a member either' }
}

function form(
  claim: string,
  rows: readonly JudgedRow[],
  actors: readonly ActorName[],
  status: number,
  code: string,
): Finding {
  return together(
    claim,
    rows
      .filter(({ absent }) => !absent)
      .flatMap((row) =>
        row.cells
          .filter(({ actor, wanted, probe }) => actors.includes(actor) && wanted === 'refused' && probe !== null)
          .filter(({ probe }) => receptionOf(probe!) === 'refused')
          .map(({ probe }): Finding => {
            const right = probe!.status === status && probe!.code === code
            return {
              claim,
              outcome: right ? 'pass' : 'fail',
              because: `${row.row.operation}, ${probe!.as}: ${probe!.said}`,
              n: 1,
              ...(right ? {} : told(probe!, `HTTP ${status} ${code}`)),
            }
          }),
      ),
  )
}
