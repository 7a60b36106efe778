// Who has read a part of the verdicts and stands for it: names under the digest of what they saw. A signature is a person's
// word and no measurement: it never changes a verdict, and under verdicts that have changed since it is shown as that.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { partOf } from '../reports/parts.ts'
import { UsageError } from './errors.ts'
import { Redactor } from './evidence/redact.ts'
import { demandSchema, RunFolder, readJsonFile, SIGN_OFFS_FILE, sha256OfFile } from './evidence/store.ts'
import type { Verdicts } from './result.ts'

const TEXT_MAX = 300

const SignOffSchema = Type.Object(
  {
    /** A part of the checklist, as the report names it. */
    section: Type.String({ minLength: 1 }),
    name: Type.String({ minLength: 1, maxLength: TEXT_MAX }),
    note: Type.Union([Type.String({ maxLength: TEXT_MAX }), Type.Null()]),
    at: Type.String(),
    /** Of verdicts.json as it was signed. */
    verdicts_sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    /** What was signed, in words: `3 pass, 1 fail`. */
    seen: Type.String(),
  },
  { additionalProperties: false },
)
export type SignOff = Static<typeof SignOffSchema>

const SignOffsSchema = Type.Object(
  { schema: Type.Literal('readiness-sign-offs/1'), sign_offs: Type.Array(SignOffSchema) },
  { additionalProperties: false },
)

export function readSignOffs(path: string): SignOff[] {
  const file = join(path, SIGN_OFFS_FILE)
  if (!existsSync(file)) return []
  const stored = readJsonFile(file)
  demandSchema(SignOffsSchema, stored, file)
  return (stored as Static<typeof SignOffsSchema>).sign_offs
}

export function verdictsDigest(path: string): string {
  return sha256OfFile(join(path, 'verdicts.json'))
}

/** Adds one signature for each section (all of the run's where none is named), under the verdicts as they are stored. */
export function signOffRun(
  path: string,
  verdicts: Verdicts,
  by: { name: string; sections: readonly string[]; note: string | null; now: Date },
): SignOff[] {
  const name = by.name.trim()
  if (name === '' || name.length > TEXT_MAX) {
    throw new UsageError('--as is no name', `give who signs, in at most ${TEXT_MAX} characters: --as "A. Name"`)
  }
  if ((by.note ?? '').length > TEXT_MAX) throw new UsageError('--note is too long', `at most ${TEXT_MAX} characters`)
  const verdicts_sha256 = verdictsDigest(path)
  const given = sectionsSigned(verdicts, by.sections).map(
    (section): SignOff => ({
      section,
      name,
      note: by.note,
      at: by.now.toISOString(),
      verdicts_sha256,
      seen: outcomesOf(verdicts, section),
    }),
  )
  const sign_offs = [...readSignOffs(path), ...given]
  new RunFolder(path, new Redactor()).writeJson(SIGN_OFFS_FILE, { schema: 'readiness-sign-offs/1', sign_offs })
  return given
}

function sectionsSigned(verdicts: Verdicts, wanted: readonly string[]): string[] {
  const there = [...new Set(verdicts.checks.map(({ id }) => partOf(id)))]
  if (wanted.length === 0) return there
  return wanted.map((section) => {
    const found = there.find((one) => one.toLowerCase() === section.toLowerCase())
    if (found !== undefined) return found
    throw new UsageError(`this run has no section '${section}'`, `its sections are ${there.join(', ')}`)
  })
}

function outcomesOf({ checks }: Verdicts, section: string): string {
  const outcomes = Map.groupBy(
    checks.filter(({ id }) => partOf(id) === section),
    ({ outcome }) => outcome,
  )
  return [...outcomes].map(([outcome, all]) => `${all.length} ${outcome.replace('-', ' ')}`).join(', ')
}
