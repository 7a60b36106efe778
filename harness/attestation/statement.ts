// What a run attests, as an in-toto Statement with the predicate for test results: of which target and by which harness, with
// the digest of every file that came of it. Specifications: in-toto Statement v1, test-result v0.1.

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { ENVELOPE_FILE, filesOf, STATEMENT_FILE, sha256OfFile } from '../evidence/store.ts'
import type { Fingerprint, Plan, Verdicts } from '../result.ts'

const PREDICATE_TYPE = 'https://in-toto.io/attestation/test-result/v0.1'

const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' })

export const StatementSchema = Type.Object(
  {
    _type: Type.Literal('https://in-toto.io/Statement/v1'),
    subject: Type.Array(
      Type.Object(
        { name: Type.String(), digest: Type.Record(Type.String(), Type.String()) },
        { additionalProperties: false },
      ),
    ),
    predicateType: Type.Literal(PREDICATE_TYPE),
    predicate: Type.Object(
      {
        result: Type.Union([Type.Literal('PASSED'), Type.Literal('WARNED'), Type.Literal('FAILED')]),
        /** Every file of the run, sorted by name: what was measured, what was judged, what is shown. */
        configuration: Type.Array(
          Type.Object(
            { name: Type.String(), digest: Type.Object({ sha256: Sha256 }, { additionalProperties: false }) },
            { additionalProperties: false },
          ),
        ),
        passedTests: Type.Array(Type.String()),
        /** Not verified: neither passed nor failed. */
        warnedTests: Type.Array(Type.String()),
        failedTests: Type.Array(Type.String()),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)
export type Statement = Static<typeof StatementSchema>

export function statementOf(path: string, plan: Plan, verdicts: Verdicts): Statement {
  const withOutcome = (outcome: string) =>
    verdicts.checks.filter((check) => check.outcome === outcome).map(({ id }) => id)
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [
      { name: targetName(plan.target), digest: { sha256: targetDigest(plan.target) } },
      {
        name: `conman-readiness ${plan.harness.version}`,
        // A harness that is no checkout has no commit: its catalogue stands for it.
        digest: plan.harness.commit === null ? { sha256: plan.catalogue_sha256 } : { gitCommit: plan.harness.commit },
      },
    ],
    predicateType: PREDICATE_TYPE,
    predicate: {
      result: RESULT[verdicts.verdict],
      configuration: attestedFiles(path).map((name) => ({ name, digest: { sha256: sha256OfFile(join(path, name)) } })),
      passedTests: withOutcome('pass'),
      warnedTests: withOutcome('not-verified'),
      failedTests: withOutcome('fail'),
    },
  }
}

const RESULT: Record<Verdicts['verdict'], Statement['predicate']['result']> = {
  GO: 'PASSED',
  PASS: 'PASSED',
  INCOMPLETE: 'WARNED',
  'NO-GO': 'FAILED',
  FAIL: 'FAILED',
}

/** `url http://…, version 1.2.3`. */
export function targetName({ kind, address, version }: Fingerprint): string {
  return `${kind} ${address}${version === null ? '' : `, version ${version}`}`
}

/** What makes two targets the same one: where it is, its version and its API. Not its health, nor how fast it was. */
export function targetDigest({ kind, address, version, openapi_sha256 }: Fingerprint): string {
  return createHash('sha256').update(JSON.stringify({ kind, address, version, openapi_sha256 })).digest('hex')
}

/** What the statement tells of: all files of the run but itself. */
export function attestedFiles(path: string): string[] {
  return filesOf(path).filter((name) => name !== STATEMENT_FILE && name !== ENVELOPE_FILE)
}
