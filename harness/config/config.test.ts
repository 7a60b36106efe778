// What a user can get wrong while aiming: each slip has one line with its place, and what to do; and what is right comes
// out whole, whether variables or a file said it.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { UsageError } from '../errors.ts'
import type { UrlOptions } from '../target/options.ts'
import { aim } from './aim.ts'
import { checkFile } from './check.ts'
import { nearest } from './nearest.ts'
import { splitWords } from './words.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'conman-readiness-test-'))
  writeFileSync(join(folder, 'password'), 'AdminPassw0rd!!\n')
  writeFileSync(join(folder, 'two-lines'), 'a\nb\n')
  writeFileSync(join(folder, 'empty'), '')
  writeFileSync(join(folder, 'mongo'), 'mongodb://reader:hunter22@127.0.0.1:27017\n')
  writeFileSync(join(folder, 'ca.pem'), '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n')
  writeFileSync(join(folder, 'hook.sh'), '#!/bin/sh\nexit 0\n')
  chmodSync(join(folder, 'hook.sh'), 0o755)
  mkdirSync(join(folder, 'storage'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ENV = { PATH: process.env.PATH, SECRET: 'AdminPassw0rd!!' }

async function complaintsOf(yaml: string): Promise<{ line: string; remedy: string }[]> {
  writeFileSync(join(folder, 'c.yaml'), yaml)
  return (await checkFile('c.yaml', ENV, folder)).complaints
}

/** A target that is right, with further keys. */
const withKeys = (keys: string) => `targets:
  staging:
    kind: url
    url: http://127.0.0.1:3000
    admin: {email: admin@example.test, password_file: password}
${keys}`

describe('a file with something wrong', () => {
  const cases: [what: string, yaml: string, line: RegExp, remedy: RegExp][] = [
    ['nothing in it', '', /^c\.yaml:1:1: targets is missing/, /Targets by the name/],
    ['no targets', 'default: x\n', /^c\.yaml:1:1: targets is missing/, /Targets by the name/],
    ['a list', '- a\n', /^c\.yaml:1:1: the file must be keys with values/, /write it so/],
    [
      'an unknown key at the top',
      `defualt: x\n${withKeys('')}`,
      /^c\.yaml:1:1: defualt is not a key.*did you mean default\?/,
      /known here: default, targets/,
    ],
    [
      'a default that is no target',
      `default: stagin\n${withKeys('')}`,
      /^c\.yaml:1:1: default names no target of this file; did you mean staging\?/,
      /staging/,
    ],
    [
      'a target named as the bundled one',
      'targets:\n  reference: {kind: command, command: [ls]}\n',
      /^c\.yaml:2:3: targets\.reference is not a name for a target/,
      /bundled/,
    ],
    [
      'a target with a strange name',
      'targets:\n  "a b": {kind: command, command: [ls]}\n',
      /^c\.yaml:2:3: targets\.a b is not a name/,
      /letters/,
    ],
    [
      'no kind',
      'targets:\n  a:\n    url: http://x\n',
      /^c\.yaml:2:3: targets\.a\.kind is missing/,
      /kind: url or kind: command/,
    ],
    [
      'an unknown kind',
      'targets:\n  a:\n    kind: uri\n',
      /^c\.yaml:3:5: targets\.a\.kind is not a kind of target/,
      /kind: url/,
    ],
    [
      'an unknown key',
      withKeys('    mongodb: {}'),
      /^c\.yaml:6:5: targets\.staging\.mongodb is not a key that is known here; did you mean mongo\?/,
      /mongo/,
    ],
    [
      'an unknown hook',
      withKeys('    hooks:\n      git-stopp: {command: [ls]}'),
      /^c\.yaml:7:7: targets\.staging\.hooks\.git-stopp is not a key.*did you mean git-stop\?/,
      /git-start/,
    ],
    [
      'a password',
      withKeys('').replace('password_file: password', 'password: hunter22'),
      /^c\.yaml:5:40: targets\.staging\.admin\.password is a secret/,
      /password_file.*password_variable/,
    ],
    [
      'a connection string',
      withKeys('    mongo:\n      uri: mongodb://a:hunter22@b'),
      /^c\.yaml:7:7: targets\.staging\.mongo\.uri is a secret/,
      /uri_file.*uri_variable/,
    ],
    [
      'a token secret',
      withKeys('    jwt_secret: hunter22hunter22'),
      /^c\.yaml:6:5: targets\.staging\.jwt_secret is a secret/,
      /jwt_secret_file/,
    ],
    [
      'secrets of a program',
      'targets:\n  a:\n    kind: command\n    command: [ls]\n    secrets: {A: hunter22}\n',
      /^c\.yaml:5:5: targets\.a\.secrets is a secret/,
      /secret_files/,
    ],
    [
      'neither file nor variable',
      withKeys('').replace(', password_file: password', ''),
      /^c\.yaml:5:5: targets\.staging\.admin\.password_file is missing/,
      /admin\.password_file.*admin\.password_variable/,
    ],
    [
      'both file and variable',
      withKeys('').replace('password_file: password', 'password_file: password, password_variable: SECRET'),
      /^c\.yaml:5:40: targets\.staging\.admin\.password_file stands beside password_variable/,
      /one of them/,
    ],
    [
      'a variable that is not set',
      withKeys('').replace('password_file: password', 'password_variable: UNSET'),
      /^c\.yaml:5:40: .*password_variable names UNSET, which is not set/,
      /set UNSET/,
    ],
    [
      'a password in the place of its variable',
      withKeys('').replace('password_file: password', 'password_variable: hunter22!'),
      /^c\.yaml:5:40: .*password_variable has a form that is not understood/,
      /variable of the environment/,
    ],
    [
      'a file that is not there',
      withKeys('').replace('password_file: password', 'password_file: hunter22'),
      /^c\.yaml:5:40: .*password_file cannot be read \(it does not exist\)/,
      /nothing but the password/,
    ],
    [
      'a password of two lines',
      withKeys('').replace('file: password', 'file: two-lines'),
      /^c\.yaml:5:40: .*password_file does not hold one line/,
      /nothing but the password/,
    ],
    [
      'an empty password',
      withKeys('').replace('file: password', 'file: empty'),
      /password_file does not hold one line/,
      /nothing but the password/,
    ],
    [
      'a folder for a password',
      withKeys('').replace('file: password', 'file: storage'),
      /password_file is not a file/,
      /nothing but the password/,
    ],
    [
      'no e-mail',
      withKeys('').replace('email: admin@example.test, ', ''),
      /^c\.yaml:5:5: targets\.staging\.admin\.email is missing/,
      /bootstrap-admin/,
    ],
    [
      'an e-mail that is a list',
      withKeys('').replace('email: admin@example.test', 'email: [a]'),
      /^c\.yaml:5:13: targets\.staging\.admin\.email must be a text/,
      /bootstrap-admin/,
    ],
    [
      'a URL without its beginning',
      withKeys('').replace('http://127', '127'),
      /^c\.yaml:4:5: targets\.staging\.url (is not a URL|must begin)/,
      /url: http/,
    ],
    [
      'a URL with credentials',
      withKeys('').replace('http://127', 'http://a:hunter22@127'),
      /^c\.yaml:4:5: targets\.staging\.url carries credentials/,
      /admin\.password_file/,
    ],
    [
      'a number for a URL',
      withKeys('').replace('http://127.0.0.1:3000', '3000'),
      /^c\.yaml:4:5: targets\.staging\.url must be a text/,
      /in front of \/api/,
    ],
    [
      'no connection string in its file',
      withKeys('    mongo: {uri_file: password}'),
      /^c\.yaml:6:13: .*mongo\.uri_file does not hold a connection string/,
      /mongodb:\/\//,
    ],
    [
      'a database without a way to it',
      withKeys('    mongo: {database: conman}'),
      /^c\.yaml:6:5: .*mongo\.uri_file is missing/,
      /uri_variable/,
    ],
    [
      'a certificate that is none',
      withKeys('    ca_file: password'),
      /^c\.yaml:6:5: .*ca_file holds no certificate/,
      /PEM/,
    ],
    [
      'a file for a folder',
      withKeys('    git_storage: password'),
      /^c\.yaml:6:5: .*git_storage is not a folder/,
      /give a folder/,
    ],
    [
      'a log from two places',
      withKeys('    logs: {file: password, command: [ls]}'),
      /^c\.yaml:6:5: .*logs has both/,
      /one of them/,
    ],
    ['a log from nowhere', withKeys('    logs: {}'), /^c\.yaml:6:5: .*logs has neither/, /one of them/],
    [
      'a hook that is a text',
      withKeys('    hooks: {git-stop: {command: ls -l}}'),
      /^c\.yaml:6:24: .*hooks\.git-stop\.command must be a list/,
      /one word each/,
    ],
    [
      'a hook that is not there',
      withKeys('    hooks: {git-stop: {command: [./no-such]}}'),
      /^c\.yaml:6:24: .*hooks\.git-stop\.command names \.\/no-such, which is not a program/,
      /executable/,
    ],
    [
      'a hook that may not be run',
      withKeys('    hooks: {git-stop: {command: [./password]}}'),
      /names \.\/password, which is not a program that may be run/,
      /executable/,
    ],
    [
      'a hook that is not on PATH',
      withKeys('    hooks: {git-stop: {command: [no-such-program]}}'),
      /names no-such-program, which is not on PATH/,
      /path of a program/,
    ],
    [
      'a hook of no words',
      withKeys('    hooks: {git-stop: {command: []}}'),
      /hooks\.git-stop\.command must NOT have fewer than 1 items/,
      /one word each/,
    ],
    [
      'a hook with too long a time',
      withKeys('    hooks: {git-stop: {command: [ls], timeout_s: 9999}}'),
      /hooks\.git-stop\.timeout_s must be <= 3600/,
      /default: 60/,
    ],
    [
      'a host with a path',
      withKeys('    consent: {host: http://a}'),
      /^c\.yaml:6:15: .*consent\.host is not a host/,
      /conman\.example/,
    ],
    [
      'a share above one',
      withKeys('    load: {stop_at_5xx_share: 5}'),
      /load\.stop_at_5xx_share must be <= 1/,
      /0 to 1/,
    ],
    [
      'less than a request a second',
      withKeys('    load: {requests_per_s_max: 0.5}'),
      /load\.requests_per_s_max must be >= 1/,
      /Requests a second/i,
    ],
    ['half a user', withKeys('    load: {users_max: 1.5}'), /load\.users_max must be a whole number/, /same time/],
    [
      'a repository twice',
      withKeys('    repos: [a.git, a.git]'),
      /repos must NOT have duplicate items/,
      /one for each app/,
    ],
    [
      'an open quotation mark',
      `targets:\n  a:\n    kind: command\n    command: "ls 'x"\n`,
      /^c\.yaml:4:5: targets\.a\.command has a quotation mark that is not closed/,
      /close it/,
    ],
    [
      'a program that is not there',
      'targets:\n  a:\n    kind: command\n    command: [./no-such]\n',
      /^c\.yaml:4:5: targets\.a\.command cannot be started: .*no-such/,
      /executable/,
    ],
    [
      'a variable that is no name',
      'targets:\n  a:\n    kind: command\n    command: [ls]\n    env: {"A B": x}\n',
      /^c\.yaml:5:11: targets\.a\.env\.A B is not a name of a variable/,
      /letters/,
    ],
    [
      'a number for a variable',
      'targets:\n  a:\n    kind: command\n    command: [ls]\n    env: {A: 1}\n',
      /^c\.yaml:5:11: targets\.a\.env\.A must be a text/,
      /write it so/,
    ],
  ]

  test.each(cases)('%s', async (_, yaml, line, remedy) => {
    const complaints = await complaintsOf(yaml)
    expect(complaints[0]?.line).toMatch(line)
    expect(complaints[0]?.remedy).toMatch(remedy)
    expect(complaints).toHaveLength(1)
    expect(JSON.stringify(complaints)).not.toContain('hunter22')
  })

  test('several things wrong are all said, in the order of their lines', async () => {
    const complaints = await complaintsOf(
      withKeys('    consent: {hots: a}\n    load: {users_max: x}\n').replace('kind', 'knid'),
    )
    expect(complaints.map((one) => one.line.split(':').slice(0, 2).join(':'))).toEqual(['c.yaml:2'])
    const more = await complaintsOf(withKeys('    load: {users_max: x}\n    consent: {hots: a}\n'))
    expect(more.map((one) => one.line)).toEqual([
      expect.stringMatching(/^c\.yaml:6:12: .*users_max must be a whole number/),
      expect.stringMatching(/^c\.yaml:7:5: .*consent\.host is missing/),
      expect.stringMatching(/^c\.yaml:7:15: .*consent\.hots is not a key/),
    ])
    const run = aim({ target: 'staging', config: 'c.yaml' }, ENV, folder)
    await expect(run).rejects.toThrow(/^c\.yaml:6:12: .* \(and 2 more\)$/)
    await expect(run).rejects.toMatchObject({ remedy: expect.stringContaining('config check') })
  })

  test.each([
    ['a tab', 'targets:\n\ta: b\n', /^c\.yaml:2:1: /],
    ['a key twice', 'default: a\ndefault: b\n', /^c\.yaml:2:1: .*unique/],
    ['a secret in broken YAML', 'password: "hunter22\n', /^c\.yaml:\d+:\d+: /],
    ['an alias', 'a: &x 1\nb: *x\n', /^c\.yaml:2:4: .*alias/],
    ['two documents', 'default: a\n---\ndefault: b\n', /^c\.yaml:/],
    ['a tag', 'default: !!js/function "x"\n', /^c\.yaml:1:10: /],
  ])('%s is not read', async (_, yaml, message) => {
    const failed = complaintsOf(yaml)
    await expect(failed).rejects.toThrow(UsageError)
    await expect(failed).rejects.toThrow(message)
    await expect(failed).rejects.not.toThrow(/hunter22/)
  })

  test('no file, a folder, one that is too large', async () => {
    await expect(checkFile('no-such.yaml', ENV, folder)).rejects.toThrow(
      /no-such\.yaml cannot be read \(it does not exist\)/,
    )
    await expect(checkFile('storage', ENV, folder)).rejects.toThrow(/storage cannot be read/)
    await expect(complaintsOf(`# ${'x'.repeat(1024 * 1024)}\n`)).rejects.toThrow(/c\.yaml is larger than 1024 KiB/)
  })
})

/** Everything that can be handed over, by each of its two ways. */
const VARIABLES = {
  CONMAN_BASE_URL: 'https://conman.example/base/',
  CONMAN_ADMIN_EMAIL: 'admin@example.test',
  CONMAN_ADMIN_PASSWORD_FILE: 'password',
  CONMAN_CA_FILE: 'ca.pem',
  CONMAN_REPOS: 'a.git, b.git,',
  CONMAN_MONGO_URI_FILE: 'mongo',
  CONMAN_MONGO_DB: 'other',
  CONMAN_GIT_STORAGE: 'storage',
  CONMAN_TOXIPROXY_URL: 'http://127.0.0.1:8474',
  CONMAN_TOXIPROXY_GIT: 'gitaly',
  CONMAN_PROMETHEUS_URL: 'http://127.0.0.1:9090/prometheus/',
  CONMAN_LOG_COMMAND: `ls 'a b' "--since={since}"`,
  CONMAN_OUTBOX_FILE: 'empty',
  CONMAN_SOURCE: 'storage',
  CONMAN_JWT_SECRET_FILE: 'password',
  CONMAN_CONSENT_HOST: 'conman.example',
  CONMAN_LOAD_REQUESTS_PER_S_MAX: '12.5',
  CONMAN_LOAD_USERS_MAX: '7',
  CONMAN_LOAD_STOP_AT_5XX_SHARE: '0.2',
  CONMAN_HOOK_WORKER_KILL: './hook.sh worker "a b"',
  CONMAN_HOOK_REPO_CREATE: './hook.sh {repo}',
  CONMAN_HOOK_TIMEOUT_S: '9',
}

const FILE = `default: all
targets:
  all:
    kind: url
    url: https://conman.example/base/
    admin: {email: admin@example.test, password_file: password}
    ca_file: ca.pem
    repos: [a.git, b.git]
    mongo: {uri_file: mongo, database: other}
    git_storage: storage
    toxiproxy: {url: 'http://127.0.0.1:8474', proxies: {git: gitaly}}
    prometheus: http://127.0.0.1:9090/prometheus/
    logs: {command: [ls, a b, '--since={since}']}
    outbox_file: empty
    source: storage
    jwt_secret_file: password
    consent: {host: conman.example}
    load: {requests_per_s_max: 12.5, users_max: 7, stop_at_5xx_share: 0.2}
    hooks:
      worker-kill: {command: [./hook.sh, worker, a b], timeout_s: 9}
      repo-create: {command: [./hook.sh, '{repo}'], timeout_s: 9}
`

describe('what is handed over', () => {
  test('comes out whole, and the same by variables and by a file', async () => {
    writeFileSync(join(folder, 'all.yaml'), FILE)
    const none = { target: undefined, config: undefined }
    const { options: said, notes } = await aim(none, { ...ENV, ...VARIABLES }, folder)
    const { options: written } = await aim({ target: undefined, config: 'all.yaml' }, ENV, folder)
    const { givenBy, ...byVariables } = said as UrlOptions
    const { givenBy: _, name, ...byFile } = written as UrlOptions
    expect(byVariables).toEqual(byFile)
    expect(name).toBe('all')
    expect(notes).toEqual([])
    expect(byVariables).toMatchObject({
      baseUrl: 'https://conman.example/base',
      adminPassword: 'AdminPassw0rd!!',
      ca: { file: join(folder, 'ca.pem') },
      repos: ['a.git', 'b.git'],
      mongo: { uri: 'mongodb://reader:hunter22@127.0.0.1:27017', database: 'other' },
      gitStorage: join(folder, 'storage'),
      toxiproxy: { url: 'http://127.0.0.1:8474', proxies: { git: 'gitaly' } },
      logs: { kind: 'command', words: [expect.stringMatching(/\/ls$/), 'a b', '--since={since}'] },
      jwtSecret: 'AdminPassw0rd!!',
      consentHost: 'conman.example',
      load: { requests_per_s_max: 12.5, users_max: 7, stop_at_5xx_share: 0.2 },
      hooks: {
        'worker-kill': { words: [join(folder, 'hook.sh'), 'worker', 'a b'], timeout_s: 9 },
        'repo-create': { words: [join(folder, 'hook.sh'), '{repo}'], timeout_s: 9 },
      },
      tools: ['k6', 'git'],
    })
    expect(givenBy).toMatchObject({
      'mongo.uri': 'CONMAN_MONGO_URI_FILE',
      'hooks.worker-kill': 'CONMAN_HOOK_WORKER_KILL',
    })
  })

  test('a check of the file says what is reached and why the rest is not', async () => {
    writeFileSync(join(folder, 'all.yaml'), FILE)
    const { good, targets } = await checkFile('all.yaml', ENV, folder)
    expect(good).toBe(true)
    expect(targets[0]!.reached).toEqual([
      'http',
      'repositories',
      'mongo',
      'git-storage',
      'logs',
      'outbox',
      'jwt-secret',
      'prometheus',
      'source',
      'network-control',
      'mongo-partition',
    ])
    expect(targets[0]!.missing).toContainEqual({
      capability: 'worker-control',
      because: 'the hook worker-start is missing',
    })
  })

  test.each([
    ['CONMAN_LOAD_USERS_MAX', 'many', /^CONMAN_LOAD_USERS_MAX must be a whole number/],
    ['CONMAN_HOOK_TIMEOUT_S', '-1', /^CONMAN_HOOK_TIMEOUT_S must be > 0/],
    ['CONMAN_HOOK_WORKER_KILL', "ls 'x", /^CONMAN_HOOK_WORKER_KILL has a quotation mark that is not closed/],
    [
      'CONMAN_HOOK_WORKER_KILL',
      'no-such-program',
      /^CONMAN_HOOK_WORKER_KILL names no-such-program, which is not on PATH/,
    ],
    ['CONMAN_GIT_STORAGE', 'nowhere', /^CONMAN_GIT_STORAGE cannot be read \(it does not exist\)/],
    ['CONMAN_MONGO_URI_FILE', 'mongodb://a:hunter22@b', /^CONMAN_MONGO_URI_FILE cannot be read/],
    ['CONMAN_TOXIPROXY_URL', 'localhost:8474', /^CONMAN_TOXIPROXY_URL must begin with http/],
    ['CONMAN_LOG_FILE', 'password', /^CONMAN_LOG_FILE|^CONMAN_LOG_COMMAND/],
    ['CONMAN_REPO_PATH', 'c.git', /CONMAN_REPOS and CONMAN_REPO_PATH say the same thing twice/],
    ['CONMAN_CONSENT_HOST', 'https://conman.example', /^CONMAN_CONSENT_HOST is not a host/],
  ])('%s=%s is refused by its name', async (name, value, message) => {
    const refused = aim({ target: undefined, config: undefined }, { ...ENV, ...VARIABLES, [name]: value }, folder)
    await expect(refused).rejects.toThrow(UsageError)
    await expect(refused).rejects.toThrow(message)
    await expect(refused).rejects.not.toThrow(/hunter22/)
  })
})

describe('which target', () => {
  const aimAt = (target: string | undefined, env: Record<string, string> = {}, config?: string) =>
    aim({ target, config }, { ...ENV, ...env }, folder)

  test('nothing said: the bundled one; with --target reference, too', async () => {
    expect((await aimAt(undefined)).options.kind).toBe('reference')
    expect((await aimAt('reference', {}, 'all.yaml')).options.kind).toBe('reference')
  })

  test('--target needs its file, and a target in it', async () => {
    await expect(aimAt('staging')).rejects.toThrow(/there is no readiness\.config\.yaml in this folder/)
    await expect(aimAt('al', {}, 'all.yaml')).rejects.toThrow(/no target ‘al’; did you mean all\?/)
    await expect(aimAt('constructor', {}, 'all.yaml')).rejects.toThrow(/no target ‘constructor’/)
  })

  test('two aims are refused', async () => {
    const url = { CONMAN_BASE_URL: 'http://127.0.0.1:1' }
    await expect(aimAt('all', url)).rejects.toThrow(/two aims: --target, and CONMAN_BASE_URL/)
    await expect(aimAt(undefined, url, 'all.yaml')).rejects.toThrow(/two aims: --config, and CONMAN_BASE_URL/)
    await expect(aimAt(undefined, { ...url, CONMAN_SERVER_CMD: 'ls' })).rejects.toThrow(
      /two aims: CONMAN_BASE_URL and CONMAN_SERVER_CMD/,
    )
  })

  test('a defect is for the bundled one only', async () => {
    const input = { target: undefined, defect: 'lost-edit' }
    await expect(aim({ ...input, config: 'all.yaml' }, ENV, folder)).rejects.toThrow(
      /--defect needs the bundled Conman/,
    )
    const options = (await aim({ ...input, config: undefined }, ENV, folder)).options
    expect(options).toMatchObject({ kind: 'reference', defect: 'lost-edit' })
  })

  test('the file of the working folder is taken, its default too; a variable wins over it', async () => {
    const there = join(folder, 'with-file')
    mkdirSync(there)
    writeFileSync(
      join(there, 'readiness.config.yaml'),
      FILE.replaceAll(/: ([a-z.]+(?:pem|password|mongo|storage|empty))\b/g, ': ../$1')
        .replaceAll('./hook.sh', '../hook.sh')
        .replace('default: all\n', 'default: program\n') +
        '  program: {kind: command, command: [ls, -l], env: {A: b}, secret_files: {B: ../password}, mongo_path: direct}\n',
    )
    const byDefault = await aim({ target: undefined, config: undefined }, ENV, there)
    expect(byDefault.options).toMatchObject({
      kind: 'command',
      name: 'program',
      args: ['-l'],
      env: { A: 'b', B: 'AdminPassw0rd!!' },
      secrets: ['AdminPassw0rd!!'],
      mongoPath: 'direct',
    })
    const byVariable = await aim(
      { target: undefined, config: undefined },
      { ...ENV, CONMAN_SERVER_CMD: 'ls -a' },
      there,
    )
    expect(byVariable.options).toMatchObject({ kind: 'command', args: ['-a'] })
    expect(byVariable.options).not.toHaveProperty('name')
    expect((await aim({ target: 'reference', config: undefined }, ENV, there)).options.kind).toBe('reference')
  })

  test('a file without a default aims at the bundled one, and says so', async () => {
    writeFileSync(join(folder, 'no-default.yaml'), FILE.replace('default: all\n', ''))
    const { options, notes } = await aimAt(undefined, {}, 'no-default.yaml')
    expect(options.kind).toBe('reference')
    expect(notes).toEqual([expect.stringMatching(/names no default.*--target takes all/)])
  })

  test('consent may be typed beside a file that holds none, and not against one that does', async () => {
    writeFileSync(join(folder, 'no-consent.yaml'), FILE.replace('    consent: {host: conman.example}\n', ''))
    const { options } = await aimAt('all', { CONMAN_CONSENT_HOST: 'conman.example' }, 'no-consent.yaml')
    expect(options).toMatchObject({ consentHost: 'conman.example' })
    await expect(aimAt('all', { CONMAN_CONSENT_HOST: 'other.example' }, 'all.yaml')).rejects.toThrow(
      /name different hosts/,
    )
  })
})

describe('notes', () => {
  const notesOf = async (env: Record<string, string>) =>
    (await aim({ target: undefined, config: undefined }, { ...ENV, ...env }, folder)).notes

  test('a misspelled variable, with the one that was meant; Conman’s own are none of our business', async () => {
    expect(
      await notesOf({
        CONMAN_BASE_URI: 'x',
        CONMAN_HOOK_WORKER_KIL: 'x',
        CONMAN_HOOK_TEA: 'x',
        CONMAN_HOST: 'x',
        CONMAN_JWT_SECRET: 'x',
        CONMAN_SOMETHING_ELSE: 'x',
      }),
    ).toEqual([
      'CONMAN_BASE_URI is not a variable of the harness, and is not used; did you mean CONMAN_BASE_URL?',
      expect.stringMatching(/^CONMAN_HOOK_TEA is not a variable of the harness/),
      'CONMAN_HOOK_WORKER_KIL is not a variable of the harness, and is not used; did you mean CONMAN_HOOK_WORKER_KILL?',
    ])
  })

  test('a variable that the chosen target does not use', async () => {
    expect(await notesOf({ CONMAN_ADMIN_EMAIL: 'a@b.c', CONMAN_MONGO_URI: 'mongodb://x' })).toEqual([
      'CONMAN_ADMIN_EMAIL is set but not used: the target is the bundled Conman',
    ])
  })

  test('a password that would go over the network in clear, but not over loopback', async () => {
    const aimed = (url: string) =>
      notesOf({ CONMAN_BASE_URL: url, CONMAN_ADMIN_EMAIL: 'a@b.c', CONMAN_ADMIN_PASSWORD: 'x' })
    expect(await aimed('http://conman.example')).toEqual([expect.stringMatching(/not encrypted/)])
    for (const url of ['https://conman.example', 'http://localhost:1', 'http://127.0.0.1', 'http://[::1]:1']) {
      expect(await aimed(url)).toEqual([])
    }
  })

  test('Conman’s own variable of its database alone hands nothing over', async () => {
    const env = {
      ...ENV,
      CONMAN_BASE_URL: 'http://localhost:1',
      CONMAN_ADMIN_EMAIL: 'a',
      CONMAN_ADMIN_PASSWORD: 'x',
      CONMAN_MONGO_DB: 'conman',
    }
    expect((await aim({ target: undefined, config: undefined }, env, folder)).options).not.toHaveProperty('mongo')
  })
})

test('words are split as a shell would, and nothing else in them has a meaning', () => {
  expect(splitWords(`a 'b c' "d 'e'" f"g h"i '' $X *.ts; rm | cat`)).toEqual([
    'a',
    'b c',
    "d 'e'",
    'fg hi',
    '',
    '$X',
    '*.ts;',
    'rm',
    '|',
    'cat',
  ])
  expect(splitWords(`a 'b`)).toBeUndefined()
  expect(splitWords(`it"'"s`)).toEqual(["it's"])
})

test('the nearest name is one that a slip of the fingers makes of it', () => {
  const known = ['git-stop', 'git-start', 'mongo-stop']
  expect(nearest('git-sotp', known)).toBe('git-stop')
  expect(nearest('GIT-STOP', known)).toBe('git-stop')
  expect(nearest('worker', known)).toBeUndefined()
})
