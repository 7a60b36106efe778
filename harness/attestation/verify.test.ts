// What `verify` must notice: a run or bundle in which anything was altered after it was sealed, by one who seals it again too.

import { generateKeyPairSync } from 'node:crypto'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create } from 'tar'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { contract } from '../../checklist/CONTRACT/check.ts'
import type { ContractEvidence } from '../../checklist/CONTRACT/evidence.ts'
import { queuedListing } from '../../scenarios/L7/check.ts'
import { Redactor } from '../evidence/redact.ts'
import { RunFolder } from '../evidence/store.ts'
import { writeVerdicts } from '../execute.ts'
import { judgeRun } from '../judge.ts'
import { savedPlan } from '../plan.fixture.ts'
import type { Plan } from '../result.ts'
import { readSignOffs, signOffRun, verdictsDigest } from '../sign-offs.ts'
import { stackParent } from '../stack/storage.ts'
import { attest, isBundle, pack, unpacked } from './bundle.ts'
import { readPrivateKey } from './dsse.ts'
import { overall, verifyRun, type Wanted } from './verify.ts'

const scratch = mkdtempSync(join(stackParent().path, 'conman-readiness-verify-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const ours = generateKeyPairSync('ed25519')
const theirs = generateKeyPairSync('ed25519')
const wanted: Wanted = { key: ours.publicKey, maxAgeHours: 24, target: null, now: new Date('2026-11-25T12:00:00Z') }

const plan = savedPlan([contract, queuedListing])

const evidence: ContractEvidence = { schema: 'readiness-contract/1', app: null, steps: [] }

let number = 0
let path: string

/** A whole run, sealed, judged and attested; each time in a folder of its own. */
beforeEach(() => {
  number += 1
  path = join(scratch, `run-${number}`)
  const folder = new RunFolder(path, new Redactor())
  folder.writeJson('plan.json', plan)
  folder.writeJson('run.json', {
    schema: 'readiness-run/1',
    run: plan.run,
    pid: 1,
    started_at: '2026-11-25T10:00:00Z',
    finished_at: '2026-11-25T11:00:00Z',
    ended: 'complete',
    because: null,
  })
  folder.writeJson(`${contract.gatherer.id}/evidence.json`, evidence)
  folder.writeJson(`${queuedListing.gatherer.id}/not-gathered.json`, {
    schema: 'readiness-not-gathered/1',
    because: 'no access',
    remedy: 'hand it over',
    harness_failed: false,
  })
  folder.seal()
  settle()
})

/** What somebody would do who covers an alteration: judges and attests again, without the key. */
function settle(key = ours.privateKey): void {
  const judged = judgeRun(path)
  writeVerdicts(new RunFolder(path, new Redactor()), judged)
  attest(path, judged, key)
}

function reseal(key = theirs.privateKey): void {
  new RunFolder(path, new Redactor()).seal()
  settle(key)
}

function alter(name: string, change: (value: Record<string, never>) => void): void {
  const value = JSON.parse(readFileSync(join(path, name), 'utf8'))
  change(value)
  writeFileSync(join(path, name), JSON.stringify(value, null, 1))
}

/** The questions that are not answered with yes, with their reasons. */
function refusals(more: Partial<Wanted> = {}): Record<string, string> {
  const answers = verifyRun(path, { ...wanted, ...more })
  return Object.fromEntries(answers.filter(({ holds }) => !holds).map(({ question, because }) => [question, because]))
}

const SEAL = 'the evidence is as it was sealed'
const STATEMENT = 'the statement is of these files'
const SIGNATURE = 'it is signed by the key that was given'
const CATALOGUE = 'no check and no limit of the catalogue is missing or changed'
const VERDICT = 'the verdict follows from the evidence'

test('a whole run verifies, and so does its bundle', async () => {
  expect(refusals()).toEqual({})
  expect(overall(verifyRun(path, wanted))).toBe(true)
  const bundle = join(scratch, 'whole.tar.gz')
  await pack(path, bundle)
  expect(isBundle(bundle)).toBe(true)
  expect(await unpacked(bundle, async (there) => overall(verifyRun(there, wanted)))).toBe(true)
})

test('a name under the verdicts changes none, and goes with the bundle', () => {
  const before = readFileSync(join(path, 'verdicts.json'), 'utf8')
  const { verdicts } = judgeRun(path)
  const by = { name: ' R. Manager ', sections: ['load'], note: null, now: wanted.now }
  expect(signOffRun(path, verdicts, by)).toEqual([
    {
      section: 'Load',
      name: 'R. Manager',
      note: null,
      at: '2026-11-25T12:00:00.000Z',
      verdicts_sha256: verdictsDigest(path),
      seen: '1 not verified',
    },
  ])
  signOffRun(path, verdicts, { ...by, sections: [], note: 'all of it' })
  expect(readSignOffs(path).map(({ section }) => section)).toEqual(['Load', 'Launch', 'Load'])
  expect(readFileSync(join(path, 'verdicts.json'), 'utf8')).toBe(before)
  // The seal is of the evidence; the statement is of all that goes along, and was made before.
  expect(refusals()).toEqual({ [STATEMENT]: 'altered, added or missing: sign-offs.json' })
  settle()
  expect(refusals()).toEqual({})
})

test('a name that is none, and a part that the run has not, are refused with what there is', () => {
  const { verdicts } = judgeRun(path)
  const by = { name: 'R. Manager', sections: ['Faults'], note: null, now: wanted.now }
  expect(() => signOffRun(path, verdicts, by)).toThrow("this run has no section 'Faults'")
  expect(() => signOffRun(path, verdicts, { ...by, name: ' ' })).toThrow('--as is no name')
  expect(readSignOffs(path)).toEqual([])
})

test('the same run gives the same bytes', async () => {
  const [one, two] = [join(scratch, 'one.tar.gz'), join(scratch, 'two.tar.gz')]
  await pack(path, one)
  await pack(path, two)
  expect(readFileSync(one).equals(readFileSync(two))).toBe(true)
})

describe('what was altered is named', () => {
  test('a byte of the evidence', () => {
    appendFileSync(join(path, 'CONTRACT/evidence.json'), ' ')
    expect(refusals()).toEqual({
      [SEAL]: 'altered, added or missing: CONTRACT/evidence.json',
      [STATEMENT]: 'altered, added or missing: CONTRACT/evidence.json',
    })
  })

  test('a byte of the report that people read, which no verdict rests on', () => {
    writeFileSync(join(path, 'report.html'), 'GO')
    expect(refusals()).toEqual({ [STATEMENT]: 'altered, added or missing: report.html' })
  })

  test('a verdict', () => {
    alter('verdicts.json', (verdicts) => Object.assign(verdicts, { verdict: 'GO' }))
    expect(refusals()).toMatchObject({
      [STATEMENT]: 'altered, added or missing: verdicts.json',
      [VERDICT]: 'stored is GO, recomputed INCOMPLETE; different: the summary',
    })
  })

  test('a check that was taken out, by one who seals it again', () => {
    alter('plan.json', (value) => Object.assign(value, { whole_catalogue: true, checks: [plan.checks[0]] }))
    reseal()
    const found = refusals()
    expect(found[CATALOGUE]).toMatch(/^it claims the whole catalogue and lacks L1, /)
    expect(found[SIGNATURE]).toMatch(/^no signature of it is by key /)
  })

  test('a limit, by one who seals it again', () => {
    const limit = queuedListing.limits.find(({ name }) => name === 'latency_ms_p99')!
    alter('plan.json', (value: { checks?: Plan['checks'] }) => {
      value.checks![1]!.limits.find(({ name }) => name === limit.name)!.value = 10 * limit.value
    })
    reseal()
    expect(refusals()[CATALOGUE]).toBe(`L7.latency_ms_p99 is ${limit.value} ms, and ${10 * limit.value} was used`)
  })

  test('the statement, to another run’s', () => {
    alter('statement.json', (value) => Object.assign(value, { subject: [] }))
    expect(refusals()).toMatchObject({
      [STATEMENT]: expect.stringMatching(/^it is of , and the run of url https:\/\/conman\.example/),
      [SIGNATURE]: 'what was signed is another statement than the one beside it',
    })
  })

  test('a file that was put there', () => {
    writeFileSync(join(path, 'CONTRACT/more.json'), '{}')
    expect(refusals()[SEAL]).toBe('altered, added or missing: CONTRACT/more.json')
  })
})

test('another target, by address or digest', () => {
  expect(refusals({ target: 'https://conman.example' })).toEqual({})
  expect(refusals({ target: 'https://other.example' })).toEqual({
    'it is of the target that was meant': expect.stringContaining('not of https://other.example'),
  })
})

test('too old, or yet to come', () => {
  expect(refusals({ now: new Date('2026-11-27T12:00:00Z') })).toEqual({
    'it is no older than 24 hours': expect.stringContaining('49.0 hours ago'),
  })
  expect(Object.values(refusals({ now: new Date('2026-11-25T10:00:00Z') }))[0]).toContain('yet to come')
})

test('another catalogue, no signature and no statement cannot be told, which is no yes', () => {
  alter('plan.json', (value) => Object.assign(value, { catalogue_sha256: '0'.repeat(64) }))
  reseal(ours.privateKey)
  expect(overall(verifyRun(path, wanted))).toBeNull()
  expect(refusals()[CATALOGUE]).toBe(`another catalogue made it: verify it with commit ${'a'.repeat(12)}`)
  rmSync(join(path, 'statement.json'))
  rmSync(join(path, 'statement.dsse.json'))
  expect(overall(verifyRun(path, { ...wanted, key: null }))).toBeNull()
  expect(refusals()[SIGNATURE]).toBe('it is not signed')
})

test('a bundle that is none, is cut short, or leads out of its folder is refused in one line', async () => {
  const bundle = join(scratch, 'odd.tar.gz')
  const read = () => unpacked(bundle, async () => 'read')
  writeFileSync(bundle, 'GO')
  expect(isBundle(bundle)).toBe(false)
  await expect(read()).rejects.toThrow(/is no bundle of a run/)
  await pack(path, bundle)
  const bytes = readFileSync(bundle)
  writeFileSync(bundle, bytes.subarray(0, bytes.length / 2))
  await expect(read()).rejects.toThrow(/is no bundle of a run/)
  writeFileSync(join(path, 'outside'), '')
  await create({ cwd: path, file: bundle, gzip: true, prefix: '../..' }, ['outside'])
  await expect(read()).rejects.toThrow(/is no bundle of a run/)
})

test('a key of another kind is refused, with how to make one', () => {
  const pem = join(scratch, 'rsa.pem')
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  writeFileSync(pem, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  expect(() => readPrivateKey(pem)).toThrow(/is a key for rsa, and Ed25519 is wanted/)
})
