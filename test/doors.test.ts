// Three doors, one judgement: what the harness starts by itself, any program by its command, and a URL. The same Conman gets
// the same verdict through each, and a program that is none, or another, gets one clear line.

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Capability } from '../harness/capabilities.ts'
import type { Check, Gatherer } from '../harness/check.ts'
import { splitWords } from '../harness/config/words.ts'
import { execute } from '../harness/execute.ts'
import { hindrance } from '../harness/hindrance.ts'
import { PROFILES } from '../harness/profiles.ts'
import { silent } from '../harness/progress.ts'
import { quoteWords } from '../harness/quoting.ts'
import type { Plan, Verdicts } from '../harness/result.ts'
import { startStack } from '../harness/stack/stack.ts'
import { lookAtCommand } from '../harness/target/command.ts'
import { openTarget } from '../harness/target/open.ts'
import { commandOptions } from '../harness/target/options.ts'
import { UNTHROTTLED } from '../harness/target/own-stack.ts'
import { type Ended, PATIENT, root, Sandbox, verdictsOf } from './sandbox.ts'

let sandbox: Sandbox
beforeAll(() => {
  sandbox = new Sandbox()
})
afterAll(() => sandbox[Symbol.dispose]())

const OTHER_CONMAN = [process.execPath, join(root, 'test/programs/other-conman.ts')]
const RUN_L1 = ['run', 'L1', '--profile', 'smoke', ...PATIENT]

interface Judged extends Ended {
  folder: string
  verdicts: Verdicts
  plan: Plan
}

async function judged(args: string[], env: Record<string, string> = {}): Promise<Judged> {
  const ended = await sandbox.readiness(args, env)
  expect([0, 1, 2], ended.stderr).toContain(ended.code)
  const folder = sandbox.latest()
  const plan = JSON.parse(readFileSync(join(folder, 'plan.json'), 'utf8')) as Plan
  return { ...ended, folder, verdicts: verdictsOf(folder), plan }
}

/** What must not depend on the door: everything but times, ids and the target's own description. */
function essence({ code, verdicts }: Judged) {
  return {
    code,
    verdict: verdicts.verdict,
    checks: verdicts.checks.map(({ id, level, outcome, verified_by, findings }) => ({
      id,
      level,
      outcome,
      verified_by,
      findings: findings.map((finding) => `${finding.outcome}: ${finding.claim}`),
    })),
  }
}

const reference = () => execFileSync(join(root, 'readiness'), ['reference-command'], { encoding: 'utf8' }).trim()

describe('the bundled Conman is judged alike', () => {
  let byDefault: Judged
  test('by default', async () => {
    byDefault = await judged(RUN_L1)
    expect(byDefault.verdicts).toMatchObject({ verdict: 'PASS', target: { kind: 'reference' } })
  })

  test('by its command', async () => {
    const byCommand = await judged(RUN_L1, { CONMAN_SERVER_CMD: reference() })
    expect(byCommand.verdicts.target).toMatchObject({ kind: 'command', address: reference() })
    expect(essence(byCommand)).toEqual(essence(byDefault))
    // A stranger's source is not there to be read unless it is handed over.
    expect([...byCommand.plan.target.capabilities, 'source'].sort()).toEqual(byDefault.plan.target.capabilities)
    await sandbox.expectNothingLeft()
  })

  test('by its URL, with what it stands on handed over', async () => {
    await using stack = await startStack({ env: UNTHROTTLED })
    const byUrl = await judged([...RUN_L1, '--allow-writes'], {
      CONMAN_BASE_URL: stack.baseUrl,
      CONMAN_CONSENT_HOST: new URL(stack.baseUrl).host,
      CONMAN_ADMIN_EMAIL: stack.adminEmail,
      CONMAN_ADMIN_PASSWORD: stack.adminPassword,
      CONMAN_MONGO_URI: stack.mongoUri,
      CONMAN_GIT_STORAGE: stack.gitStorage,
    })
    expect(byUrl.verdicts.target.kind).toBe('url')
    expect(essence(byUrl)).toEqual(essence(byDefault))
  })

  test('with a known defect, for the same reason', async () => {
    const byDefault = await judged([...RUN_L1, '--defect', 'lost-edit'])
    const byCommand = await judged(RUN_L1, { CONMAN_SERVER_CMD: `env CONMAN_DEFECT=lost-edit ${reference()}` })
    expect(essence(byCommand)).toEqual(essence(byDefault))
    for (const { verdicts, code } of [byDefault, byCommand]) {
      expect(code).toBe(1)
      expect(verdicts.checks[0]!.because).toMatch(/are lost.*are missing from git/s)
    }
  })
})

describe('another program', () => {
  const command = (manner: string, ...before: string[]) => quoteWords([...before, ...OTHER_CONMAN, manner])

  test('of one process passes, and what it tells its log of its secrets is not kept', async () => {
    const secret = 'a-secret-of-its-own'
    const run = await judged(RUN_L1, {
      CONMAN_SERVER_CMD: command('one-process,tells-its-secrets', 'env', `VAULT_TOKEN=${secret}`),
    })
    expect(run.verdicts).toMatchObject({ verdict: 'PASS', exit_code: 0 })
    expect(run.plan.target.settings['processes of Conman']).toBe('one, for the API and the jobs')
    const log = readFileSync(join(run.folder, 'logs/conman.log'), 'utf8')
    for (const name of ['CONMAN_JWT_SECRET', 'CONMAN_SECRETS_MASTER_KEY', 'VAULT_TOKEN']) {
      expect(log).toContain(`"${name}":"[redacted]"`)
    }
    for (const entry of readdirSync(run.folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      expect(readFileSync(join(entry.parentPath, entry.name), 'utf8'), entry.name).not.toContain(secret)
    }
    expect(`${run.stdout}${run.stderr}`).not.toContain(secret)
    await sandbox.expectNothingLeft()
  })

  test.each([
    ['dies-when-it-serves', /conman .*ended with exit code 3; its last lines:\nVAULT_ADDR is not set/],
    ['takes-another-database', /the database of the stack has no user admin@readiness\.test/],
  ])('that %s gets one clear line, and no run', async (manner, why) => {
    const runs = sandbox.runs()
    const { code, stdout, stderr } = await sandbox.readiness(RUN_L1, { CONMAN_SERVER_CMD: command(manner) })
    expect(stderr).toMatch(why)
    expect(stderr).toMatch(/\n {2}→ /)
    expect(stderr).not.toMatch(/\n {4}at /)
    expect(stdout).toBe('')
    expect(code).toBe(3)
    expect(sandbox.runs()).toEqual(runs)
    await sandbox.expectNothingLeft()
  })

  test('whose start fails has its logs kept, where the message says', async () => {
    const { stderr } = await sandbox.readiness(RUN_L1, { CONMAN_SERVER_CMD: command('dies-when-it-serves') })
    const folder = /all logs are in (\S+)/.exec(stderr)![1]!
    expect(existsSync(join(folder, 'conman.log'))).toBe(true)
    expect(existsSync(join(folder, 'git-backend.log'))).toBe(true)
  })

  test('leaves nothing when the harness is killed while its help hangs', async () => {
    const run = sandbox.start(RUN_L1, { CONMAN_SERVER_CMD: command('hangs-in-help') })
    await expect
      .poll(() => sandbox.processesLeft().join('\n'), { timeout: 60_000 })
      .toMatch(/other-conman\.ts hangs-in-help serve --help/)
    const [harness] = execFileSync('pgrep', ['-P', String(run.child.pid), '-f', 'harness/cli/main.ts'], {
      encoding: 'utf8',
    }).split('\n')
    process.kill(Number(harness), 'SIGKILL')
    await run.ended
    await sandbox.expectNothingLeft()
  })
})

describe('what a program does not let us reach', () => {
  const opening = { profile: PROFILES.smoke, progress: silent, signal: new AbortController().signal }
  const options = (...words: string[]) =>
    commandOptions({ command: words[0]!, args: words.slice(1), env: {}, secrets: [] })

  /** As a check of what happens when the worker alone is cut off. */
  const parting: Gatherer<object> = {
    id: 'parting',
    title: 'The worker is cut off from the database, and the API is not',
    schema: Type.Object({}),
    needs: ['http', 'mongo-partition'],
    effect: 'disrupts',
    leaves: 'nothing',
    breaks: 'jobs',
    inapplicableTo: ({ processes }) =>
      processes === 'single' ? 'API and worker are one process: neither can be cut off alone' : undefined,
    expected_s: () => 1,
    gather: async () => ({}),
  }

  test('between two processes is not applicable to one', async () => {
    const check: Check<object> = {
      id: 'parting',
      title: parting.title,
      failureTitle: 'A worker that is cut off takes the API with it',
      requirement: { level: 'MUST', source: 'test', text: 'test' },
      gatherer: parting,
      profiles: ['smoke'],
      limits: [],
      evaluate: () => {
        throw new Error('there is nothing to evaluate')
      },
    }
    const { verdicts } = await execute({
      checks: [check],
      profile: 'smoke',
      runsFolder: join(sandbox.folder, 'runs'),
      randomSeed: 1,
      overrides: new Map(),
      seedOver: 'http',
      command: 'test',
      target: options(...OTHER_CONMAN, 'one-process'),
      openTarget,
      progress: silent,
      signal: opening.signal,
    })
    expect(verdicts.checks).toMatchObject([
      { outcome: 'not-applicable', because: 'API and worker are one process: neither can be cut off alone' },
    ])
    expect(verdicts.counts).toMatchObject({ 'not-applicable': 1, 'not-verified': 0, pass: 0, fail: 0 })
    expect(verdicts.exit_code).toBe(0)
  })

  test('is told by its help alone, where nothing is to be started', async () => {
    const looked = await lookAtCommand(
      options('env', 'API_TOKEN=never-to-be-shown', ...OTHER_CONMAN, 'one-process'),
      opening.signal,
    )
    expect(looked).toMatchObject({ kind: 'command', processes: 'single' })
    expect(looked.address).toMatch(/^env API_TOKEN=\[redacted\] .* one-process$/)
    expect(hindrance(parting, looked, opening.profile)?.not_applicable).toBe(true)
  })

  test('is seen, and named with its reason', async () => {
    await using target = await openTarget(options(...OTHER_CONMAN, 'overlooks-the-proxy,writes-no-mail'), opening)
    expect(target.processes).toBe('split')
    const missing: Capability[] = ['prometheus', 'source', 'mongo-partition', 'outbox']
    expect([...target.unreachable.keys()].sort()).toEqual(missing.sort())
    expect(missing.filter((one) => target.capabilities.has(one))).toEqual([])
    expect(target.capabilities).toContain('network-control')
    expect(hindrance(parting, target, opening.profile)?.because).toMatch(/does not take the proxy/)
  })
})

describe('the command of a program', () => {
  test('is read as it was quoted, by us and by a shell', () => {
    const words = ['/opt/my conman/bin', "it's", 'say "hi"', '', '$HOME', '*', 'a\\b', '--flag=1']
    expect(splitWords(quoteWords(words))).toEqual(words)
    const printed = execFileSync('sh', ['-c', `printf '%s\\n' ${quoteWords(words)}`], { encoding: 'utf8' })
    expect(printed.split('\n').slice(0, -1)).toEqual(words)
  })

  test('of the bundled one is printed from any folder', () => {
    const args = ['reference-command', '--json']
    const { command, args: rest } = JSON.parse(
      execFileSync(join(root, 'readiness'), args, { encoding: 'utf8', cwd: '/' }),
    ) as { command: string; args: string[] }
    expect([command, ...rest].every(existsSync)).toBe(true)
    expect(splitWords(reference())).toEqual([command, ...rest])
  })

  test('cannot take what the stack sets', async () => {
    const taken = { ...commandOptions({ command: 'conman', args: [], env: { CONMAN_PORT: '1' }, secrets: [] }) }
    const opening = { profile: PROFILES.smoke, progress: silent, signal: new AbortController().signal }
    await expect(openTarget(taken, opening)).rejects.toThrow('CONMAN_PORT cannot be given')
  })
})
