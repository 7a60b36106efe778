// The configuration file as a person meets it: real starts of ./readiness in a folder with one, and a run that is aimed by
// it, with a hook, a log and secrets that must not be found in what the run leaves.

import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { UrlTargetSchema } from '../harness/config/schema.ts'
import { startStack } from '../harness/stack/stack.ts'
import { UNTHROTTLED } from '../harness/target/own-stack.ts'
import { type Ended, PATIENT, root } from './sandbox.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'conman-readiness-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** In the folder, as a user would. */
async function readiness(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('CONMAN_'))
  const child = spawn(join(root, 'readiness'), args, {
    cwd: folder,
    env: { ...Object.fromEntries(inherited), NO_COLOR: '1', READINESS_RUNS_DIR: 'runs', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended: Ended = { code: null, stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    ended.stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    ended.stderr += chunk
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { ...ended, code }
}

describe('./readiness config', () => {
  test('example, then check: the example is good once its secret is there, and aims at a URL that is only read', async () => {
    const { stdout } = await readiness(['config', 'example'])
    writeFileSync(join(folder, 'readiness.config.yaml'), stdout)
    const without = await readiness(['config', 'check'])
    expect(without.code).toBe(3)
    expect(without.stdout).toMatch(
      /✗ readiness\.config\.yaml:\d+:\d+: targets\.staging\.admin\.password_variable names STAGING_ADMIN_PASSWORD, which is not set\n {2}→ set/,
    )
    expect(without.stdout).toMatch(/\nreadiness\.config\.yaml is not good: 1 complaint\n$/)
    const { code, stdout: good } = await readiness(['config', 'check'], { STAGING_ADMIN_PASSWORD: 'AdminPassw0rd!!' })
    expect(code).toBe(0)
    expect(good).toMatch(
      /^staging \(default\) {2}http:\/\/127\.0\.0\.1:3000\n {2}reached {3}http, repositories\n {2}missing {3}the database: CONMAN_MONGO_URI/,
    )
    expect(good).toMatch(
      /consent {3}none: it is only read\nreadiness\.config\.yaml is good: one target; nobody was contacted\n$/,
    )
    expect(good).not.toContain('AdminPassw0rd')
  })

  test('schema: what an editor would say is what check says of the same file', async () => {
    const schema = JSON.parse((await readiness(['config', 'schema'])).stdout) as object
    const example = (await readiness(['config', 'example'])).stdout
    // The whole example: what is commented out in it is right, too.
    const whole = parse(example.replaceAll(/^( *)# (?=( *[a-z_-]+:( |$)))/gm, '$1'))
    const validate = new Ajv({ strict: false, discriminator: true }).addFormat('http-url', true).compile(schema)
    expect(new Set(Object.keys(whole.targets.staging))).toEqual(new Set(Object.keys(UrlTargetSchema.properties)))
    expect(validate(whole), JSON.stringify(validate.errors)).toBe(true)
    whole.targets.staging.adnin = {}
    expect(validate(whole)).toBe(false)
  })

  test('check --json for a program; no file is one clear line', async () => {
    writeFileSync(
      join(folder, 'other.yaml'),
      'targets:\n  a:\n    kind: url\n    url: x\n    admin: {email: a, password: hunter22}\n',
    )
    const { code, stdout } = await readiness(['config', 'check', '--config', 'other.yaml', '--json'])
    expect(code).toBe(3)
    expect(JSON.parse(stdout)).toMatchObject({
      good: false,
      complaints: [{ line: expect.stringMatching(/^other\.yaml:5:23: targets\.a\.admin\.password is a secret/) }],
    })
    expect(stdout).not.toContain('hunter22')
    const absent = await readiness(['config', 'check'])
    expect(absent.code).toBe(3)
    expect(absent.stderr).toMatch(
      /^readiness: readiness\.config\.yaml cannot be read \(it does not exist\)\n {2}→ .*config example/,
    )
  })

  test('a verb that is missing, a target that is not there', async () => {
    expect(await readiness(['config'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('check, schema or example?'),
    })
    const { code, stderr, stdout } = await readiness(['run', 'L1', '--target', 'staging'])
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toMatch(/--target staging: there is no readiness\.config\.yaml in this folder\n {2}→ /)
  })
})

test('a run that a file aims: hook, log and reach are in it, the secrets are not', async () => {
  await using stack = await startStack({ env: UNTHROTTLED })
  writeFileSync(join(folder, 'password'), stack.adminPassword)
  writeFileSync(join(folder, 'jwt'), stack.jwtSecret)
  // The log of the target names its secrets; so does the hook, which makes nothing, for this Conman does so itself.
  writeFileSync(join(folder, 'print-log'), `#!/bin/sh\necho "since $1: ${stack.adminPassword} ${stack.jwtSecret}"\n`)
  writeFileSync(join(folder, 'make-repository'), `#!/bin/sh\necho "$READINESS_RUN $1 ${stack.adminPassword}"\n`)
  for (const program of ['print-log', 'make-repository']) chmodSync(join(folder, program), 0o755)
  const host = new URL(stack.baseUrl).host
  writeFileSync(
    join(folder, 'readiness.config.yaml'),
    `default: here
targets:
  here:
    kind: url
    url: ${stack.baseUrl}
    admin: {email: ${stack.adminEmail}, password_file: password}
    jwt_secret_file: jwt
    git_storage: ${stack.gitStorage}
    logs: {command: [./print-log, '{since}']}
    hooks: {repo-create: {command: [./make-repository, '{repo}']}}
    consent: {host: '${host}'}
`,
  )
  const { code, stdout, stderr } = await readiness(['run', 'L1', '--profile', 'smoke', '--allow-writes', ...PATIENT])
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/PASS: 1 MUST passed\n$/)
  const id = readdirSync(join(folder, 'runs')).find((name) => /^\d{8}T/.test(name))!
  const run = join(folder, 'runs', id)
  const [hook, ...more] = readFileSync(join(run, 'hooks.jsonl'), 'utf8').trimEnd().split('\n')
  expect(more).toEqual([])
  expect(JSON.parse(hook!)).toMatchObject({
    hook: 'repo-create',
    exit_code: 0,
    stdout: expect.stringMatching(new RegExp(`^${id} readiness-\\S+\\.git \\[redacted\\]\\n$`)),
  })
  expect(readFileSync(join(run, 'logs/target.log'), 'utf8')).toMatch(/^since \d{4}-.*: \[redacted\] \[redacted\]\n$/)
  expect(JSON.parse(readFileSync(join(run, 'manifest.json'), 'utf8')).files).toHaveProperty(['hooks.jsonl'])
  for (const file of readdirSync(run, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())) {
    const text = readFileSync(join(file.parentPath, file.name), 'latin1')
    for (const secret of [stack.adminPassword, stack.jwtSecret]) expect(text.includes(secret), file.name).toBe(false)
  }
  expect(existsSync(join(run, 'report.html'))).toBe(true)
})
