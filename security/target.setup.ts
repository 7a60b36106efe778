// For plain `vitest --project security`: opens the target once, gathers every security check of the profile, and leaves a run
// like any other, which the suite then reads. The target is the bundled Conman, or what the environment aims at; consent to
// writing on a URL is CONMAN_CONSENT_HOST and READINESS_ALLOW=writes.

import { selectChecks } from '../harness/catalogue.ts'
import type { ProfileName } from '../harness/check.ts'
import { aim } from '../harness/config/aim.ts'
import { withConsent } from '../harness/consent.ts'
import { execute } from '../harness/execute.ts'
import { terminalProgress } from '../harness/progress.ts'
import { openTarget } from '../harness/target/open.ts'
import { seedingOf } from '../harness/target/options.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the run. */
    securityRun: string
  }
}

export async function setup({ provide }: { provide(key: 'securityRun', value: string): void }): Promise<void> {
  const {
    READINESS_CHECKS = 'security',
    READINESS_PROFILE = 'smoke',
    READINESS_ALLOW,
    READINESS_RUNS_DIR,
  } = process.env
  const profile = READINESS_PROFILE as ProfileName
  const { options } = await aim({ target: undefined, config: undefined }, process.env, process.cwd())
  const target = withConsent(options, {
    'allow-writes': READINESS_ALLOW === 'writes',
    'allow-destructive': READINESS_ALLOW === 'destructive',
  })
  const run = await execute({
    checks: selectChecks(READINESS_CHECKS.split(/[\s,]+/), profile),
    profile,
    runsFolder: READINESS_RUNS_DIR ?? 'runs',
    randomSeed: 1,
    overrides: new Map(),
    seedOver: seedingOf('auto', target),
    command: `./readiness run ${READINESS_CHECKS} --profile ${profile}`,
    target,
    openTarget,
    progress: terminalProgress(process.stderr, false),
    signal: new AbortController().signal,
  })
  provide('securityRun', run.folder)
}
