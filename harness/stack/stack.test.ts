// The whole stack for real: the bundled Conman on it, what can be reached, one process's way to MongoDB cut, a stack that
// is kept, and starts that fail or are given up.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MongoClient, ObjectId } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { HarnessError, UsageError } from '../errors.ts'
import { BUNDLED_CONMAN, type ConmanProgram } from './conman.ts'
import { endKept, type KeptStack, listKept } from './keep.ts'
import { markedProcesses, signal } from './process-table.ts'
import { type Stack, startStack } from './stack.ts'
import { waitFor } from './wait-for.ts'

const OTHER_CONMAN = fileURLToPath(new URL('../../test/programs/other-conman.ts', import.meta.url))
const KEEP_A_STACK = fileURLToPath(new URL('./test-programs/keep-a-stack.ts', import.meta.url))

async function health(baseUrl: string): Promise<{ status: number; components: Record<string, string> }> {
  const response = await fetch(`${baseUrl}/api/health`)
  const body = (await response.json()) as { components: { name: string; status: string }[] }
  return {
    status: response.status,
    components: Object.fromEntries(body.components.map(({ name, status }) => [name, status])),
  }
}

async function login(stack: Pick<Stack, 'baseUrl' | 'adminEmail' | 'adminPassword'>): Promise<number> {
  const response = await fetch(`${stack.baseUrl}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: stack.adminEmail, password: stack.adminPassword }),
  })
  return response.status
}

/** A folder for the stacks of one test alone: other stacks may come and go beside it. */
async function ownTemp(): Promise<AsyncDisposable & { path: string; left(): Promise<string[]> }> {
  const path = await mkdtemp(join(tmpdir(), 'stacks-of-one-test-'))
  const before = process.env.READINESS_TMP
  process.env.READINESS_TMP = path
  return {
    path,
    /** Folders, and the command lines of processes that name it. */
    left: async () => [...(await readdir(path)), ...(await commandLines()).filter((line) => line.includes(path))],
    async [Symbol.asyncDispose]() {
      if (before === undefined) delete process.env.READINESS_TMP
      else process.env.READINESS_TMP = before
      await rm(path, { recursive: true, force: true })
    },
  }
}

async function commandLines(): Promise<string[]> {
  return (await promisify(execFile)('ps', ['-axo', 'args='])).stdout.split('\n')
}

describe('a stack', () => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ env: { CONMAN_MSUITE_SUBMIT_CMD: 'exec sleep 600' } })
  })
  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]()
  })

  it('is healthy, and its administrator can log in', async () => {
    expect((await health(stack.baseUrl)).status).toBe(200)
    expect(await login(stack)).toBe(200)
  })

  it('names every process with its log and its memory', async () => {
    const names = [
      'mongod-1',
      'mongod-2',
      'mongod-3',
      'socks-relay',
      'toxiproxy',
      'git-backend',
      'conman-api',
      'conman-worker',
    ]
    expect([...stack.processes.keys()]).toEqual(names)
    expect(stack.memory().map((one) => one.name)).toEqual(names)
    expect(stack.memory().every((one) => one.rss_bytes > 1_000_000)).toBe(true)
    for (const file of Object.values(stack.logFiles())) expect((await stat(file)).isFile()).toBe(true)
  })

  it('makes repositories with a first commit on main', async () => {
    const { commitId } = await stack.createRepository('team/app.git', {
      'config/app.yaml': 'replicas: 2\n',
      'README.md': '# App\n',
    })
    const git = async (...args: string[]) =>
      (
        await promisify(execFile)(stack.tools.git.path, ['-C', join(stack.gitStorage, 'team/app.git'), ...args])
      ).stdout.trim()
    expect(await git('rev-parse', 'refs/heads/main')).toBe(commitId)
    expect(await git('show', 'main:config/app.yaml')).toBe('replicas: 2')
  })

  it('lets the harness read its database past Conman', async () => {
    await using client = await new MongoClient(stack.mongoUri).connect()
    expect(await client.db(stack.databaseName).collection('users').countDocuments({ email: stack.adminEmail })).toBe(1)
  })

  it('has the git backend behind one switch', async () => {
    const proxy = await stack.toxiproxy.get('git')
    const at = { listen: proxy.listen, upstream: proxy.upstream }
    await proxy.update({ enabled: false, ...at })
    await waitFor(async () => (await health(stack.baseUrl)).components.gitaly === 'unhealthy', {
      what: 'gitaly to be unhealthy',
      within_ms: 20_000,
    })
    await proxy.update({ enabled: true, ...at })
    await waitFor(async () => (await health(stack.baseUrl)).status === 200, { what: 'it to heal', within_ms: 20_000 })
  })

  it("has the worker's way to MongoDB behind one switch, which is not the API's", async () => {
    const proxy = await stack.toxiproxy.get('mongo-worker')
    const at = { listen: proxy.listen, upstream: proxy.upstream }
    await proxy.update({ enabled: false, ...at })
    expect(await login(stack)).toBe(200)
    expect((await health(stack.baseUrl)).components.mongodb).toBe('healthy')
    await proxy.update({ enabled: true, ...at })
  })

  it('has processes that can be killed and started again', async () => {
    for (const name of ['conman-worker', 'git-backend', 'conman-api']) {
      const process = stack.process(name)
      process.kill('SIGKILL')
      await process.exited
      await process.restart()
    }
    await waitFor(async () => (await health(stack.baseUrl)).status === 200, {
      what: 'all to be healthy',
      within_ms: 20_000,
    })
  })

  it('serves the same Conman with other variables beside, for a while', async () => {
    const account = { adminEmail: stack.adminEmail, adminPassword: stack.adminPassword }
    const attempts = async (baseUrl: string) => {
      const statuses: number[] = []
      for (let attempt = 1; attempt <= 3; attempt += 1) statuses.push(await login({ ...account, baseUrl }))
      return statuses
    }
    {
      await using beside = await stack.serveBeside({ CONMAN_RATE_LIMIT_AUTH_PER_MINUTE: '2' })
      expect(beside.baseUrl).not.toBe(stack.baseUrl)
      expect(await attempts(beside.baseUrl)).toEqual([200, 200, 429])
      expect(await attempts(stack.baseUrl)).toEqual([200, 200, 200])
      expect(Object.keys(stack.logFiles())).toContain('conman-beside-1')
    }
    expect(stack.memory().map((one) => one.name)).not.toContain('conman-beside-1')
  })

  it('has commands of jobs that carry its mark, and end with their worker', async () => {
    await using client = await new MongoClient(stack.mongoUri).connect()
    const marked = () => new Set(markedProcesses(stack.id).map(({ pid }) => pid))
    const before = marked()
    const now = new Date()
    await client.db(stack.databaseName).collection('jobs').insertOne({
      app_id: new ObjectId(),
      job_type: 'msuite_submit',
      state: 'queued',
      entity_type: 'changeset',
      entity_id: 'x',
      payload: {},
      retry_count: 0,
      max_retries: 0,
      timeout_ms: 600_000,
      created_at: now,
      updated_at: now,
    })
    const begun = () => [...marked()].filter((pid) => !before.has(pid))
    await waitFor(() => begun().length > 0, { what: 'the command to run', within_ms: 20_000 })
    stack.worker.kill('SIGKILL')
    await stack.worker.exited
    await waitFor(() => begun().length === 0, { what: 'the command to end', within_ms: 20_000 })
  })

  it('leaves nothing when it is disposed', async () => {
    await stack[Symbol.asyncDispose]()
    expect(markedProcesses(stack.id)).toEqual([])
    await expect(stat(stack.dir)).rejects.toThrow('ENOENT')
  })
})

describe('a Conman of one process', () => {
  it('is started with `serve` alone', async () => {
    await using stack = await startStack({ conman: { ...BUNDLED_CONMAN, roles: 'single' } })
    expect(stack.api).toBe(stack.worker)
    expect((await health(stack.baseUrl)).status).toBe(200)
  })
})

describe('any Conman program', () => {
  const other = (manner: string): ConmanProgram => ({
    command: process.execPath,
    args: [OTHER_CONMAN, manner],
    roles: 'by-help',
  })
  const refusal = async (start: Promise<Stack>): Promise<UsageError> => {
    const failed = await start.catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(UsageError)
    return failed as UsageError
  }

  it('is two processes where its help offers that, and goes through the relay where its driver can', async () => {
    const { command, args } = BUNDLED_CONMAN
    await using stack = await startStack({ conman: { command, args, roles: 'by-help' } })
    expect(stack.conman).toEqual(BUNDLED_CONMAN)
    expect(stack.worker.name).toBe('conman-worker')
    const folder = await readlink(`/proc/${stack.api.pid}/cwd`)
    expect(folder).toBe(join(stack.dir, 'conman'))
    // It is empty but for what ends the search for somebody else's.
    expect(await readdir(folder)).toEqual(['.env'])
    expect(await readFile(join(folder, '.env'), 'utf8')).toBe('')
  })

  it('is one process where its help offers no other, and can then still be cut from MongoDB', async () => {
    await using stack = await startStack({ conman: other('one-process') })
    expect(stack.conman).toMatchObject({ roles: 'single', mongoPath: 'proxied' })
    expect(stack.api).toBe(stack.worker)
    const proxy = await stack.toxiproxy.get('mongo-api')
    await proxy.update({ enabled: false, listen: proxy.listen, upstream: proxy.upstream })
    await waitFor(async () => (await health(stack.baseUrl)).components.mongodb === 'unhealthy', {
      what: 'mongodb to be unhealthy',
      within_ms: 40_000,
    })
  })

  it.each(['overlooks-the-proxy', 'refuses-the-proxy'])('that %s is given the members themselves', async (manner) => {
    await using stack = await startStack({ conman: other(manner) })
    expect(stack.conman).toMatchObject({ roles: 'split', mongoPath: 'direct' })
    expect(await login(stack)).toBe(200)
  })

  it('is not taken at the word that it goes through the relay', async () => {
    const { message, remedy } = await refusal(
      startStack({ conman: { ...other('overlooks-the-proxy'), mongoPath: 'proxied' } }),
    )
    expect(message).toContain('past the SOCKS5 relay')
    expect(remedy).toContain('CONMAN_')
  })

  it('whose help never ends is one process, and its help is ended', async () => {
    await using stack = await startStack({ conman: other('hangs-in-help') })
    expect(stack.conman.roles).toBe('single')
    expect((await commandLines()).filter((line) => /hangs-in-help.*--help/.test(line))).toEqual([])
  })

  it('that does not take SIGTERM is ended all the same', async () => {
    const stack = await startStack({ conman: other('ignores-sigterm') })
    await stack[Symbol.asyncDispose]()
    expect(markedProcesses(stack.id)).toEqual([])
    await expect(stat(stack.dir)).rejects.toThrow('ENOENT')
  })

  it('that ends at once is shown with its last words, and its logs are kept, both without secrets', async () => {
    await using temp = await ownTemp()
    const logs = join(temp.path, 'kept')
    const { message, remedy } = await refusal(
      startStack({ conman: other('dies-when-it-serves'), logsOfFailedStartIn: logs }),
    )
    expect(message).toMatch(/conman .* ended with exit code 3; its last lines:\nVAULT_ADDR is not set; .*\[redacted\]/)
    expect(remedy).toContain('env NAME=value')
    expect(remedy).toContain(logs)
    expect(await readFile(join(logs, 'conman.log'), 'utf8')).toMatch(/VAULT_ADDR is not set; the key was \[redacted\]/)
    expect((await stat(logs)).mode & 0o777).toBe(0o700)
    expect(await temp.left()).toEqual(['kept'])
  })

  it('that never becomes healthy is told by the component that does not', async () => {
    const { message } = await refusal(startStack({ conman: { ...other('is-never-well'), readyWithin_ms: 2_000 } }))
    expect(message).toMatch(/waited 2 s for conman: .*healthy; instead:\nHTTP 503: gitaly is unhealthy/)
  })

  it('that takes a port of its own, which is taken, is no fault of the machine', async () => {
    const code = `if (process.argv.includes('serve')) {
      console.error('Error: Address already in use (os error 98)')
      process.exit(1)
    }`
    const { message } = await refusal(
      startStack({
        conman: { command: process.execPath, args: ['-e', code, '--'], roles: 'single', mongoPath: 'direct' },
      }),
    )
    expect(message).toMatch(/conman .* ended with exit code 1; its last lines:\nError: Address already in use/)
  })

  it('that cannot be started, or not from another folder, is said before anything is started', async () => {
    await using temp = await ownTemp()
    const file = join(temp.path, 'conman')
    await writeFile(file, '#!/no/such/interpreter\n')
    const start = (command: string, ...args: string[]) =>
      refusal(startStack({ conman: { command, args, roles: 'by-help' } }))
    expect((await start('no-such-conman')).message).toBe('there is no program ‘no-such-conman’ on PATH')
    expect((await start(file)).message).toBe(`${file} is not a program that may be run`)
    expect((await start(process.execPath, 'package.json')).remedy).toBe(`give it whole: ${resolve('package.json')}`)
    expect(await temp.left()).toEqual(['conman'])
    await chmod(file, 0o755)
    expect((await start(file)).message).toBe(`${file} cannot be started (ENOENT)`)
  })
})

describe('a start', () => {
  let logs = ''
  afterEach(async () => {
    if (logs !== '') await rm(logs, { recursive: true, force: true })
  })

  it('that fails half-way says why, keeps the logs, and leaves nothing', async () => {
    logs = await mkdtemp(join(tmpdir(), 'kept-logs-'))
    await using temp = await ownTemp()
    const broken = {
      command: process.execPath,
      args: ['-e', 'console.error("cannot read my configuration"); process.exit(1)', '--'],
    }
    const failed = await startStack({ conman: { ...broken, roles: 'single' }, logsOfFailedStartIn: logs }).catch(
      (error: unknown) => error,
    )
    expect(failed).toBeInstanceOf(UsageError)
    expect((failed as UsageError).message).toMatch(
      /conman(-bootstrap)? .* ended with exit code 1; its last lines:\ncannot read my configuration/,
    )
    const kept = await readdir(logs)
    expect(kept).toContain('mongod-1.log')
    // Whichever of its processes ended first, the others may have been ended before they said anything.
    const said = kept.filter((name) => name.startsWith('conman')).map((name) => readFile(join(logs, name), 'utf8'))
    expect((await Promise.all(said)).join('')).toContain('cannot read my configuration')
    expect(await temp.left()).toEqual([])
  })

  it('that is given up leaves nothing, and says the reason', async () => {
    await using temp = await ownTemp()
    const abort = new AbortController()
    const reason = new HarnessError('the user has changed their mind', '')
    setTimeout(() => abort.abort(reason), 700)
    await expect(startStack({}, abort.signal)).rejects.toBe(reason)
    expect(await temp.left()).toEqual([])
  })
})

describe('a harness that is killed', () => {
  // While the folder is made, while mongod starts, and while Conman does.
  it.each([250, 900, 2_500])('%i ms into its start leaves nothing', async (after_ms) => {
    await using temp = await ownTemp()
    const harness = spawn(process.execPath, [KEEP_A_STACK], {
      stdio: 'ignore',
      env: { ...process.env, XDG_STATE_HOME: temp.path },
    })
    const exited = once(harness, 'exit')
    setTimeout(() => harness.kill('SIGKILL'), after_ms)
    expect(await exited).toEqual([null, 'SIGKILL'])
    let left: string[] = []
    await waitFor(
      async () => {
        left = await temp.left()
        return left.length === 0
      },
      { what: 'everything to be gone', within_ms: 20_000, every_ms: 100, instead: () => left.join('\n') },
    )
  })
})

describe('a stack that is kept', () => {
  let home = ''
  const state = process.env.XDG_STATE_HOME
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'kept-stacks-'))
    process.env.XDG_STATE_HOME = home
  })
  afterAll(async () => {
    for (const { state: kept } of await listKept()) await endKept(kept.id)
    if (state === undefined) delete process.env.XDG_STATE_HOME
    else process.env.XDG_STATE_HOME = state
    await rm(home, { recursive: true, force: true })
  })

  async function keepOne(): Promise<KeptStack> {
    const { stdout } = await promisify(execFile)(process.execPath, [KEEP_A_STACK])
    const { id, file } = JSON.parse(stdout) as { id: string; file: string }
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    const report = (await listKept()).find((one) => one.state.id === id)
    expect(report?.kept).toBe(true)
    return report?.state as KeptStack
  }

  it('lives on after its harness, and goes when it is ended', async () => {
    const kept = await keepOne()
    expect((await health(kept.baseUrl)).status).toBe(200)
    expect(markedProcesses(kept.id).length).toBeGreaterThanOrEqual(8)
    await endKept(kept.id)
    expect(markedProcesses(kept.id)).toEqual([])
    await expect(stat(kept.dir)).rejects.toThrow('ENOENT')
    expect(await listKept()).toEqual([])
  })

  it('can be ended also when its keeper is gone', async () => {
    const kept = await keepOne()
    signal(kept.reaper.pid, 'SIGKILL')
    await waitFor(async () => (await listKept())[0]?.kept === false, {
      what: 'the keeper to be gone',
      within_ms: 5_000,
    })
    expect((await health(kept.baseUrl)).status).toBe(200)
    await endKept(kept.id)
    expect(markedProcesses(kept.id)).toEqual([])
    await expect(stat(kept.dir)).rejects.toThrow('ENOENT')
    expect(await listKept()).toEqual([])
  })

  it('that is not there is a mistake of the user', async () => {
    await expect(endKept('none-such')).rejects.toBeInstanceOf(UsageError)
  })
})
