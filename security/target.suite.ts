// Each claim of each security check as a test of its own, from the run that the setup has made: what failed says what was wanted,
// what came, the request to repeat it by hand and the remedy; what could not be verified is skipped with its reason. So is what
// SHOULD hold and does not: it never blocks.

import { describe, expect, inject, test } from 'vitest'
import type { Finding } from '../harness/check.ts'
import { judgeRun } from '../harness/judge.ts'
import type { CheckResult } from '../harness/result.ts'

const { verdicts } = judgeRun(inject('securityRun'))

for (const check of verdicts.checks) {
  describe(`${check.id} (${check.level}) ${check.title}`, () => {
    for (const finding of claimsOf(check)) {
      test(finding.claim, ({ skip }) => {
        if (finding.outcome === 'pass') return
        const words = inWords(finding, check)
        if (finding.outcome === 'fail' && check.level === 'MUST') expect.fail(words)
        skip(`${finding.outcome === 'fail' ? 'SHOULD, and does not' : finding.outcome}: ${words}`)
      })
    }
  })
}

/** A check without claims was not gathered, and says why. */
function claimsOf({ findings, outcome, because }: CheckResult): Finding[] {
  return findings.length > 0 ? findings : [{ claim: 'it could be looked at', outcome, because }]
}

function inWords({ because, wanted, got, repeat, remedy }: Finding, check: CheckResult): string {
  const next = remedy ?? check.remedy
  return [
    because,
    ...(wanted === undefined ? [] : [`wanted: ${wanted}`]),
    ...(got === undefined ? [] : [`got: ${got}`]),
    ...(next === null || next === undefined ? [] : [`next: ${next}`]),
    ...(repeat === undefined ? [] : [repeat]),
  ].join('\n')
}
