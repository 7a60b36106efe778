// The harness before an awkward server: what a person hands over for a URL, and a run in this very process, which is what
// `./readiness run` does without the start of a program.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { selectChecks } from '../../harness/catalogue.ts'
import { aim } from '../../harness/config/aim.ts'
import { withConsent } from '../../harness/consent.ts'
import { type Executed, execute } from '../../harness/execute.ts'
import { PROFILES } from '../../harness/profiles.ts'
import { silent } from '../../harness/progress.ts'
import type { Stack } from '../../harness/stack/stack.ts'
import { openTarget } from '../../harness/target/open.ts'
import type { TargetOptions } from '../../harness/target/options.ts'

/** The variables of a user who owns the target and says so. */
export function handedOver(stack: Stack, url: string): Record<string, string> {
  return {
    CONMAN_BASE_URL: url,
    CONMAN_ADMIN_EMAIL: stack.adminEmail,
    CONMAN_ADMIN_PASSWORD: stack.adminPassword,
    CONMAN_CONSENT_HOST: new URL(url).host,
    CONMAN_LOAD_USERS_MAX: '50',
    CONMAN_LOAD_REQUESTS_PER_S_MAX: '1000',
  }
}

export interface Ran extends Executed {
  /** What was told on the way. */
  told: string[]
}

export class Runs implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'conman-readiness-test-'))
  readonly #stack: Stack

  constructor(stack: Stack) {
    this.#stack = stack
  }

  /** Opens the target and lets go of it. Throws what `./readiness` would end with. */
  async open(url: string): Promise<void> {
    const signal = new AbortController().signal
    await using _ = await openTarget(await this.#aimed(url), { profile: PROFILES.smoke, progress: silent, signal })
  }

  /** Throws what `./readiness run` would end with instead of a verdict. */
  async run(check: string, url: string): Promise<Ran> {
    const told: string[] = []
    const executed = await execute({
      checks: selectChecks([check], 'smoke'),
      profile: 'smoke',
      runsFolder: join(this.folder, 'runs'),
      randomSeed: 1,
      overrides: new Map(),
      seedOver: 'http',
      command: `./readiness run ${check}`,
      target: await this.#aimed(url),
      openTarget,
      progress: { update: () => {}, say: (line) => void told.push(line) },
      signal: new AbortController().signal,
    })
    return { ...executed, told }
  }

  async #aimed(url: string): Promise<TargetOptions> {
    const { options } = await aim({ target: undefined, config: undefined }, handedOver(this.#stack, url), this.folder)
    return withConsent(options, { 'allow-writes': true, 'allow-destructive': false })
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Everything that is asked before a run begins; what a rule leaves alone when the run itself is to meet it. */
export const isOpening = ({ path }: { path: string }) =>
  path === '/api/health' || path === '/api/openapi.json' || path === '/api/auth/login'

/** Controls, bidi marks and what hides: none of it may reach a terminal or a report as it came. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is what is tested
export const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u202a-\u202e\u2066-\u2069]/

/** Never earned, never silent, never the harness's own fault; and everything that was written is fit to be read. */
export function expectClear(ran: Ran): void {
  const [check] = ran.verdicts.checks
  expect(['fail', 'not-verified']).toContain(check?.outcome)
  expect(check?.because).toMatch(/\S/)
  expect(ran.verdicts.exit_code).not.toBe(4)
  expect([...ran.told, check?.because].join('\n')).not.toMatch(/\n\s+at |undefined is not|\[object Object\]/)
  for (const name of readdirSync(ran.folder).filter((one) => /\.(html|md|txt)$/.test(one))) {
    expect(readFileSync(join(ran.folder, name), 'utf8'), name).not.toMatch(UNSEEN)
  }
}
