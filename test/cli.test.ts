// The command line as a person meets it: real starts of ./readiness, what it prints and how it ends. Bad input gets one
// clear line, a remedy, its exit code, and leaves no run behind.

import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

function readiness(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const { CONMAN_BASE_URL: _, CONMAN_SERVER_CMD: __, ...inherited } = process.env
  const child = spawn(join(root, 'readiness'), args, {
    env: { ...inherited, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended: Ended = { code: null, stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    ended.stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    ended.stderr += chunk
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ ...ended, code }))
  })
}

let runsDir: string
beforeEach(() => {
  runsDir = mkdtempSync(join(tmpdir(), 'conman-readiness-test-'))
})
afterEach(() => rmSync(runsDir, { recursive: true, force: true }))

/** One line that says what is wrong, one that says what to do, and no run that could be taken for one. */
function expectRefusal(ended: Ended, message: RegExp, remedy: RegExp): void {
  expect(ended.stderr).toMatch(message)
  expect(ended.stderr).toMatch(/\n {2}→ /)
  expect(ended.stderr).toMatch(remedy)
  expect(ended.stderr).not.toMatch(/\n {4}at /)
  expect(ended.code).toBe(3)
  expect(ended.stdout).toBe('')
  expect(existsSync(runsDir) ? readdirSync(runsDir) : []).toEqual([])
}

describe('what cannot be typed', () => {
  const run = (...args: string[]) => readiness(['run', ...args, '--runs-dir', runsDir])

  test('an unknown scenario', async () => {
    expectRefusal(await run('L99'), /there is no check 'L99'/, /the catalogue has L1/)
  })

  test('an unknown profile', async () => {
    expectRefusal(await run('L1', '--profile', 'gold'), /Invalid values:.*profile/s, /--help/)
  })

  test('an unknown option, an unknown verb, none at all', async () => {
    expectRefusal(await run('L1', '--fast'), /Unknown argument: fast/, /--help/)
    expectRefusal(await readiness(['runn']), /Did you mean run|Unknown/, /--help/)
    expectRefusal(await readiness([]), /which verb/, /--help/)
  })

  test('a check that the profile leaves out', async () => {
    expectRefusal(await run('L1.sample', '--profile', 'smoke'), /not part of the profile 'smoke'/, /--profile golive/)
  })

  test('a defect that nobody knows', async () => {
    expectRefusal(await run('L1', '--defect', 'gremlins'), /there is no defect 'gremlins'/, /lost-edit/)
  })

  test('limits that are none', async () => {
    expectRefusal(await run('L1', '--limit', 'L1.latency'), /is not <check>.<limit>=<number>/, /L1\.latency_ms_max/)
    expectRefusal(await run('L1', '--limit', 'L1.speed=3'), /there is no limit 'L1\.speed'/, /L1\.latency_ms_max/)
  })

  test('a tool that is not where it is said to be', async () => {
    const ended = await readiness(['run', 'L1', '--runs-dir', runsDir], { READINESS_K6_PATH: '/no/such/k6' })
    expectRefusal(ended, /READINESS_K6_PATH=\/no\/such\/k6/, /READINESS_K6_PATH/)
  })

  test('a runs folder that is a file', async () => {
    const file = join(runsDir, 'file')
    writeFileSync(file, '')
    const ended = await readiness(['run', 'L1', '--runs-dir', join(file, 'runs')])
    expect(ended.code).toBe(3)
    expect(ended.stderr).toMatch(/the runs folder .* cannot be written/)
    expect(ended.stderr).toMatch(/--runs-dir/)
  })

  test('a run that is not there, one whose evidence was cut short, one of another schema', async () => {
    const judge = () => readiness(['judge', 'r1', '--runs-dir', runsDir])
    const absent = await judge()
    expect(absent).toMatchObject({ code: 3, stdout: '' })
    expect(absent.stderr).toMatch(/there is no run 'r1'/)
    const folder = join(runsDir, 'r1')
    mkdirSync(folder)
    writeFileSync(join(folder, 'run.json'), '{"ended": null, "pid": 0}')
    writeFileSync(join(folder, 'plan.json'), '{"schema": "readiness-plan/1", "ru')
    const cut = await judge()
    expect(cut).toMatchObject({ code: 3, stdout: '' })
    expect(cut.stderr).toMatch(/plan\.json is cut short or not JSON/)
    writeFileSync(join(folder, 'plan.json'), '{"schema": "readiness-plan/99"}')
    const other = await judge()
    expect(other).toMatchObject({ code: 3, stdout: '' })
    expect(other.stderr).toMatch(/plan\.json does not have the shape that this version reads/)
    expect(existsSync(join(folder, 'verdicts.json'))).toBe(false)
  })

  test('a port that is taken', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const ended = await readiness(['up', '--port', String(port)])
    server.close()
    expectRefusal(ended, new RegExp(`port ${port} on 127.0.0.1 is taken`), /--port/)
  })
})

describe.skipIf(process.getuid?.() !== 0 || process.platform !== 'linux')(
  'no room on the disk (needs root, for a small one)',
  () => {
    function withSmallDisk<T>(size: string, work: (folder: string) => Promise<T>): Promise<T> {
      const folder = mkdtempSync(join(tmpdir(), 'conman-readiness-small-'))
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder])
      return work(folder).finally(() => {
        execFileSync('umount', ['-l', folder])
        rmSync(folder, { recursive: true, force: true })
      })
    }

    test('none for the evidence: exit 4, and what was begun is not passed off as a run', () =>
      withSmallDisk('48k', async (folder) => {
        const ended = await readiness(['run', 'L1', '--profile', 'smoke', '--runs-dir', join(folder, 'runs')])
        expect(ended.code).toBe(4)
        expect(ended.stderr).toMatch(/could not be written \(no space left on the disk\)\n {2}→ make room/)
        const { stdout } = await readiness(['runs', '--runs-dir', join(folder, 'runs')])
        expect(stdout).toMatch(/CUT SHORT/)
      }))

    test('none for the stack: said before anything is started on it', () =>
      withSmallDisk('3m', async (folder) => {
        const ended = await readiness(['run', 'L1', '--runs-dir', runsDir], { READINESS_TMP: folder })
        expectRefusal(ended, /no room for a stack: .* 256 are needed/, /READINESS_TMP/)
        expect(readdirSync(folder)).toEqual([])
      }))
  },
)

describe('what cannot be a target', () => {
  const servers: Server[] = []
  afterAll(() => {
    for (const server of servers) server.close()
  })

  async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const server = createServer(answer)
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  const aim = (url: string, env: Record<string, string> = {}) =>
    readiness(['run', 'L1', '--runs-dir', runsDir], {
      CONMAN_BASE_URL: url,
      CONMAN_ADMIN_EMAIL: 'admin@example.test',
      CONMAN_ADMIN_PASSWORD: 'AdminPassw0rd!!',
      ...env,
    })

  const healthy = { status: 'ok', version: '0.1.0', components: [{ name: 'mongodb', status: 'healthy' }] }

  test('no URL, credentials in it, no credentials beside it', async () => {
    expectRefusal(await aim('conman.example.test'), /CONMAN_BASE_URL is not a URL/, /CONMAN_BASE_URL=http/)
    expectRefusal(await aim('ftp://127.0.0.1'), /must begin with http/, /CONMAN_BASE_URL=http/)
    const secret = await aim('http://admin:hunter2hunter2@127.0.0.1:1')
    expectRefusal(secret, /carries credentials/, /CONMAN_ADMIN_PASSWORD/)
    expect(secret.stderr).not.toContain('hunter2')
    expectRefusal(
      await aim('http://127.0.0.1:1', { CONMAN_ADMIN_EMAIL: '' }),
      /CONMAN_ADMIN_EMAIL is not/,
      /bootstrap-admin/,
    )
    expectRefusal(
      await aim('http://127.0.0.1:1', { CONMAN_ADMIN_PASSWORD: '' }),
      /CONMAN_ADMIN_PASSWORD is not/,
      /CONMAN_ADMIN_PASSWORD_FILE/,
    )
    expectRefusal(
      await aim('http://127.0.0.1:1', { CONMAN_ADMIN_PASSWORD_FILE: '/no/such' }),
      /CONMAN_ADMIN_PASSWORD_FILE cannot be read/,
      /password/,
    )
  })

  test('nobody there', async () => {
    const gone = createServer()
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve))
    const { port } = gone.address() as AddressInfo
    await new Promise((resolve) => gone.close(resolve))
    expectRefusal(await aim(`http://127.0.0.1:${port}`), /cannot be reached: .*ECONNREFUSED/, /is the server up/)
  })

  test('HTML, a 404, JSON of somebody else', async () => {
    const html = await serve((_, response) =>
      response.setHeader('content-type', 'text/html').end('<html><body>Welcome</body></html>'),
    )
    expectRefusal(await aim(html), /is not a Conman: .*HTTP 200 text\/html/, /in front of \/api/)
    const absent = await serve((_, response) => response.writeHead(404).end('nothing here'))
    expectRefusal(await aim(absent), /is not a Conman: .*HTTP 404/, /in front of \/api/)
    const other = await serve((_, response) =>
      response.setHeader('content-type', 'application/json').end('{"status":"UP"}'),
    )
    expectRefusal(await aim(other), /is not a Conman/, /in front of \/api/)
  })

  test('a redirect loop is not followed', async () => {
    let asked = 0
    const loop = await serve((request, response) => {
      asked += 1
      response.writeHead(302, { location: request.url ?? '/' }).end()
    })
    expectRefusal(await aim(loop), /answers with a redirect to/, /address that it listens on/)
    expect(asked).toBe(1)
  })

  test('a certificate that nobody vouches for', async () => {
    const { key, cert } = await selfSigned(runsDir)
    const server = createTlsServer({ key, cert }, (_, response) => response.end('{}'))
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const ended = await aim(`https://127.0.0.1:${(server.address() as AddressInfo).port}`)
    rmSync(join(runsDir, 'tls'), { recursive: true })
    expectRefusal(ended, /cannot be reached: .*(self-signed|SELF_SIGNED)/i, /CONMAN_CA_FILE/)
  })

  test('one that says it is sick', async () => {
    const sick = await serve((_, response) =>
      response
        .writeHead(503, { 'content-type': 'application/json' })
        .end(JSON.stringify({ status: 'degraded', components: [{ name: 'gitaly', status: 'unhealthy' }] })),
    )
    expectRefusal(await aim(sick), /not healthy: gitaly unhealthy/, /mend it first/)
  })

  test('what it says is shown harmless: escape sequences do not reach the terminal', async () => {
    const hostile = await serve((request, response) => {
      response.setHeader('content-type', 'application/json')
      if (request.url === '/api/health') response.end(JSON.stringify(healthy))
      else
        response
          .writeHead(418)
          .end(JSON.stringify({ error: { code: 'teapot', message: '\u001b[2J\u001b]0;owned\u0007\u202Egnp' } }))
    })
    const ended = await aim(hostile)
    expectRefusal(ended, /logging in did not work: .*⟦U\+001B⟧/, /log/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is what is tested
    expect(ended.stderr).not.toMatch(/[\u001b\u0007\u202e]/)
  })

  test('wrong credentials', async () => {
    const server = await serve((request, response) => {
      response.setHeader('content-type', 'application/json')
      if (request.url === '/api/health') response.end(JSON.stringify(healthy))
      else
        response.writeHead(401).end('{"error":{"code":"unauthorized","message":"unauthorized: invalid_credentials"}}')
    })
    const ended = await aim(server)
    expectRefusal(ended, /does not accept the credentials of admin@example\.test/, /CONMAN_ADMIN_PASSWORD/)
    expect(ended.stderr).not.toContain('AdminPassw0rd')
  })
})

describe('old runs', () => {
  test('are listed, and pruned only when that is asked for, the newest kept', async () => {
    const ids = ['20261101T000000Z-aaaaaa', '20261102T000000Z-bbbbbb', '20261103T000000Z-cccccc']
    for (const id of ids) {
      mkdirSync(join(runsDir, id))
      writeFileSync(join(runsDir, id, 'plan.json'), '{}')
    }
    writeFileSync(join(runsDir, 'notes.txt'), 'mine')
    const { stdout } = await readiness(['runs', '--runs-dir', runsDir])
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split('  ')[0]),
    ).toEqual(ids)
    expect((await readiness(['prune', '--runs-dir', runsDir, '--keep', '1', '--dry-run'])).stdout).toMatch(
      /would remove 2 runs/,
    )
    expect(readdirSync(runsDir)).toHaveLength(4)
    expect((await readiness(['prune', '--runs-dir', runsDir, '--keep', '1'])).stdout).toMatch(/removed 2 runs/)
    expect(readdirSync(runsDir).sort()).toEqual([ids[2], 'notes.txt'])
    expect((await readiness(['prune', '--runs-dir', runsDir, '--keep', '0'])).code).toBe(3)
  })
})

describe('what a person asks first', () => {
  test('--help names every verb and the exit codes', async () => {
    const { code, stdout } = await readiness(['--help'])
    expect(code).toBe(0)
    for (const verb of [
      'run',
      'judge',
      'report',
      'prove',
      'list',
      'runs',
      'prune',
      'up',
      'down',
      'doctor',
      'bench',
      'config',
    ]) {
      expect(stdout).toMatch(new RegExp(`readiness ${verb}\\b`))
    }
    expect(stdout).toContain('130 interrupted')
  })

  test('list says what a GO still lacks', async () => {
    const { code, stdout } = await readiness(['list', '--json'])
    const { checks, required_without_check } = JSON.parse(stdout) as {
      checks: { id: string }[]
      required_without_check: string[]
    }
    expect(code).toBe(0)
    expect(checks.map((check) => check.id)).toContain('L1')
    expect(required_without_check).toContain('F7')
    expect(required_without_check).not.toContain('L1')
  })

  test('no colours where nobody sees them, colours where they are asked for', async () => {
    expect((await readiness(['list'])).stdout).not.toContain('\u001b[')
    expect((await readiness(['list', '--color'])).stdout).toContain('\u001b[')
  })

  test('a make target that fails prints the launcher’s own code', async () => {
    const child = spawn(
      'make',
      ['-C', root, '--no-print-directory', 'judge', 'RUN=nothing', `ARGS=--runs-dir ${runsDir}`],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    const code = await new Promise((resolve) => child.once('close', resolve))
    expect(code).toBe(2)
    expect(stderr).toContain('readiness exit code 3')
  })
})

/** A key and a certificate that it signed itself, by the openssl of the machine. */
async function selfSigned(folder: string): Promise<{ key: string; cert: string }> {
  const { readFileSync } = await import('node:fs')
  const path = join(folder, 'tls')
  mkdirSync(path)
  chmodSync(path, 0o700)
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=127.0.0.1',
      '-keyout',
      join(path, 'key.pem'),
      '-out',
      join(path, 'cert.pem'),
    ],
    { stdio: 'ignore' },
  )
  return { key: readFileSync(join(path, 'key.pem'), 'utf8'), cert: readFileSync(join(path, 'cert.pem'), 'utf8') }
}
