// Does a run still say what it said? Every question about it is answered apart, offline, from its files and this version's
// checks; what cannot be answered is said, and is never taken for a yes.

import type { KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { CATALOGUE, catalogueHash } from '../catalogue.ts'
import { brokenSeals, demandSchema, ENVELOPE_FILE, readJsonFile, STATEMENT_FILE } from '../evidence/store.ts'
import { judgeRun } from '../judge.ts'
import { isWholeCatalogue } from '../planning.ts'
import { type Plan, PlanSchema, type Verdicts, VerdictsSchema } from '../result.ts'
import { type Envelope, keyId, open } from './dsse.ts'
import { attestedFiles, type Statement, StatementSchema, statementOf, targetDigest, targetName } from './statement.ts'

export interface Answer {
  question: string
  /** Null: it cannot be answered. */
  holds: boolean | null
  because: string
}

export interface Wanted {
  /** Whose signature is asked for. */
  key: KeyObject | null
  /** Hours since the run's end; evidence that is older says nothing of today's target. */
  maxAgeHours: number
  /** Address or digest of the target that a reader believes it to be; null: any. */
  target: string | null
  now: Date
}

/** UsageError where the folder holds no run at all. */
export function verifyRun(path: string, wanted: Wanted): Answer[] {
  const plan = read<Plan>(path, 'plan.json', PlanSchema)
  return [
    sealHolds(path),
    statementHolds(path, plan),
    signatureHolds(path, wanted.key),
    targetIsWanted(plan, wanted.target),
    ...catalogueHolds(plan),
    verdictHolds(path),
    isFresh(path, wanted),
  ]
}

/** Is everything there, and nothing but a yes? */
export function overall(answers: readonly Answer[]): boolean | null {
  if (answers.some(({ holds }) => holds === false)) return false
  return answers.some(({ holds }) => holds === null) ? null : true
}

function read<T>(path: string, name: string, schema: Parameters<typeof demandSchema>[0]): T {
  const value = readJsonFile(join(path, name))
  demandSchema(schema, value, join(path, name))
  return value as T
}

/** A file that cannot be read is no yes: the answer says what is wrong with it. */
function answered(question: string, ask: () => Omit<Answer, 'question'>): Answer {
  try {
    return { question, ...ask() }
  } catch (cause) {
    return { question, holds: false, because: cause instanceof Error ? cause.message : String(cause) }
  }
}

function sealHolds(path: string): Answer {
  return answered('the evidence is as it was sealed', () => {
    const broken = brokenSeals(path)
    if (broken === null) return { holds: false, because: 'it was never sealed: the run was cut short' }
    return broken.length === 0
      ? { holds: true, because: `${attestedFiles(path).length} files, each with its hash` }
      : { holds: false, because: `altered, added or missing: ${some(broken)}` }
  })
}

function statementHolds(path: string, plan: Plan): Answer {
  return answered('the statement is of these files', () => {
    if (!existsSync(join(path, STATEMENT_FILE))) {
      return { holds: null, because: 'there is none; `./readiness bundle` writes it' }
    }
    const stated = read<Statement>(path, STATEMENT_FILE, StatementSchema)
    const found = statementOf(path, plan, read<Verdicts>(path, 'verdicts.json', VerdictsSchema))
    const files = differing(digests(stated), digests(found))
    if (files.length > 0) return { holds: false, because: `altered, added or missing: ${some(files)}` }
    if (!isDeepStrictEqual(stated.subject, found.subject)) {
      return { holds: false, because: `it is of ${subjects(stated)}, and the run of ${subjects(found)}` }
    }
    return isDeepStrictEqual(stated, found)
      ? { holds: true, because: `${digests(found).size} files; ${subjects(found)}` }
      : { holds: false, because: 'it lists other outcomes than the verdicts do' }
  })
}

function digests({ predicate }: Statement): Map<string, string> {
  return new Map(predicate.configuration.map(({ name, digest }) => [name, digest.sha256]))
}

function differing(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name)).sort()
}

function subjects({ subject }: Statement): string {
  return subject.map(({ name, digest }) => `${name} (${Object.values(digest)[0]?.slice(0, 12)})`).join(' by ')
}

function signatureHolds(path: string, key: KeyObject | null): Answer {
  return answered('it is signed by the key that was given', () => {
    const signed = existsSync(join(path, ENVELOPE_FILE))
    if (key === null) {
      const there = signed ? 'a signature is there' : 'it is not signed'
      return { holds: null, because: `${there}; no public key was given to hold it against (--key)` }
    }
    if (!signed) return { holds: false, because: 'it is not signed' }
    const text = open(readJsonFile(join(path, ENVELOPE_FILE)) as Envelope, key)
    if (text === null) return { holds: false, because: `no signature of it is by key ${keyId(key).slice(0, 12)}` }
    return text === readFileSync(join(path, STATEMENT_FILE), 'utf8')
      ? { holds: true, because: `key ${keyId(key).slice(0, 12)}` }
      : { holds: false, because: 'what was signed is another statement than the one beside it' }
  })
}

function targetIsWanted({ target }: Plan, wanted: string | null): Answer {
  const digest = targetDigest(target)
  const about = `${targetName(target)} (${digest.slice(0, 12)})`
  const question = 'it is of the target that was meant'
  if (wanted === null) return { question, holds: true, because: `${about}; any was accepted (--target names one)` }
  const same = wanted === target.address || (wanted.length >= 12 && digest.startsWith(wanted))
  return { question, holds: same, because: same ? about : `it is of ${about}, not of ${wanted}` }
}

function catalogueHolds(plan: Plan): Answer[] {
  const complete = 'no check and no limit of the catalogue is missing or changed'
  if (plan.catalogue_sha256 !== catalogueHash()) {
    const of = plan.harness.commit === null ? plan.harness.version : `commit ${plan.harness.commit.slice(0, 12)}`
    return [{ question: complete, holds: null, because: `another catalogue made it: verify it with ${of}` }]
  }
  const known = new Map(CATALOGUE.map((check) => [check.id, check]))
  const planned = plan.checks.flatMap(({ id }) => known.get(id) ?? [])
  const wrong: string[] = []
  if (planned.length !== plan.checks.length) {
    wrong.push(`unknown: ${some(plan.checks.filter(({ id }) => !known.has(id)).map(({ id }) => id))}`)
  }
  if (plan.whole_catalogue && !isWholeCatalogue(planned)) {
    const present = new Set(planned.map(({ id }) => id))
    const missing = CATALOGUE.filter((check) => check.profiles.includes(plan.profile) && !present.has(check.id))
    wrong.push(`it claims the whole catalogue and lacks ${some(missing.map(({ id }) => id))}`)
  }
  for (const { id, limits, requirement } of plan.checks) {
    const check = known.get(id)
    if (check === undefined) continue
    if (requirement.level !== check.requirement.level) wrong.push(`${id} is ${check.requirement.level}`)
    for (const limit of check.limits) {
      const used = limits.find(({ name }) => name === limit.name)
      if (used === undefined) wrong.push(`${id} lacks its limit ${limit.name}`)
      else if ((used.overriddenFrom ?? used.value) !== limit.value || used.compare !== limit.compare) {
        wrong.push(`${id}.${limit.name} is ${limit.value} ${limit.unit}, and ${used.value} was used`)
      }
    }
  }
  return [
    {
      question: complete,
      holds: wrong.length === 0,
      because: wrong.length === 0 ? `${planned.length} checks, as this version has them` : some(wrong),
    },
  ]
}

function verdictHolds(path: string): Answer {
  return answered('the verdict follows from the evidence', () => {
    const stored = read<Verdicts>(path, 'verdicts.json', VerdictsSchema)
    const { verdicts } = judgeRun(path)
    // As they would be written: what JSON leaves out is no difference.
    const again = JSON.parse(JSON.stringify(verdicts)) as Verdicts
    if (isDeepStrictEqual(stored, again)) return { holds: true, because: `${again.verdict}, recomputed` }
    const changed = again.checks.filter(
      (check) =>
        !isDeepStrictEqual(
          check,
          stored.checks.find(({ id }) => id === check.id),
        ),
    )
    return {
      holds: false,
      because: `stored is ${stored.verdict}, recomputed ${again.verdict}; different: ${some(changed.length > 0 ? changed.map(({ id }) => id) : ['the summary'])}`,
    }
  })
}

function isFresh(path: string, { maxAgeHours, now }: Wanted): Answer {
  return answered(`it is no older than ${maxAgeHours} hours`, () => {
    const { finished_at } = read<Verdicts>(path, 'verdicts.json', VerdictsSchema)
    if (finished_at === null) return { holds: false, because: 'it never ended' }
    const hours = (now.getTime() - Date.parse(finished_at)) / 3_600_000
    if (!Number.isFinite(hours)) return { holds: false, because: `it ended at '${finished_at}', which is no time` }
    if (hours < -CLOCKS_APART_H) return { holds: false, because: `it ended at ${finished_at}, which is yet to come` }
    return {
      holds: hours <= maxAgeHours,
      because: `it ended at ${finished_at}, ${Math.max(0, hours).toFixed(1)} hours ago`,
    }
  })
}

/** Two machines' clocks may differ by that much. */
const CLOCKS_APART_H = 0.1

/** The first few of many, and how many more. */
function some(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ')
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown
}
