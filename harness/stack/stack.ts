// The embedded stack: three mongod, Toxiproxy, a SOCKS5 relay, the git backend and Conman, as real processes on loopback. All
// of it ends with the harness, however the harness ends (reaper.ts), unless it is handed over to be kept (keep.ts).

import { randomBytes } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Toxiproxy } from 'toxiproxy-node-client'
import { HarnessError, UsageError } from '../errors.ts'
import { Redactor, secretsIn } from '../evidence/redact.ts'
import { RunFolder } from '../evidence/store.ts'
import { cacheFolder } from '../toolchain/cache.ts'
import { TOOL_NAMES } from '../toolchain/programs.ts'
import { resolveTool, type Tool } from '../toolchain/resolve.ts'
import { FOLDER_PREFIX } from './clean-up.ts'
import {
  BUNDLED_CONMAN,
  bootstrapAdmin,
  type ConmanOptions,
  type ConmanProgram,
  conmanBeside,
  conmanProcesses,
  findRoles,
  type StartedConman,
} from './conman.ts'
import { locateProgram } from './conman-program.ts'
import { type FirstCommit, GitClient } from './git-client.ts'
import { AddressInUse, canBind, freePort, withFreshPorts } from './ports.ts'
import { ManagedProcess } from './processes.ts'
import { Reaper } from './reaper-client.ts'
import { prepareReplicaSet, type ReplicaSet } from './replica-set.ts'
import { demandRoom, stackParent } from './storage.ts'
import { type ProxyName, prepareToxiproxy } from './toxiproxy.ts'

export interface StackOptions {
  /** The bundled one when nothing is said; `none` starts what Conman stands on, and no Conman. */
  conman?: ConmanProgram | 'none'
  /** For Conman, on top of what the stack sets: raised rate limits, hook commands, a defect. */
  env?: Readonly<Record<string, string>>
  /** Values that must not stand in a message or in a log that is kept, beside those that `env` names as such. */
  secrets?: readonly string[]
  /** Worker processes of a Conman that has them apart; one when nothing is said. */
  workers?: number
  /** 2 s when nothing is said; 10 s, MongoDB's default, under the golive profile. */
  electionTimeout_ms?: number
  /** Conman's port; a free one when nothing is said. One that is taken is a UsageError. */
  conmanPort?: number
  /** When the start fails, the log files are copied there, redacted; the folder is made then. */
  logsOfFailedStartIn?: string
  onProgress?: (line: string) => void
}

export interface ProcessMemory {
  name: string
  pid: number
  rss_bytes: number
}

/** The files that the stack has, all in one folder of its own. */
interface Layout {
  dir: string
  logDir: string
  gitStorage: string
  outboxFile: string
  effectsFile: string
  workFolder: string
}

/** What outsiders need to reach a stack, also after the harness that started it is gone. */
export interface StackAddresses {
  id: string
  dir: string
  logDir: string
  baseUrl: string
  /** Straight to the replica set. */
  mongoUri: string
  databaseName: string
  /** `host:port` of the git backend, past Toxiproxy. */
  gitAddress: string
  /** Of the git backend's back door, which scripts its answers and tells the calls that came. */
  gitControlUrl: string
  gitStorage: string
  outboxFile: string
  /** Where deployments note what they did (effects.ts). */
  effectsFile: string
  toxiproxyUrl: string
  proxyPorts: Readonly<Record<ProxyName, number>>
  adminEmail: string
  adminPassword: string
  jwtSecret: string
  secretsMasterKey: string
}

interface StackParts {
  addresses: StackAddresses
  conman: StartedConman
  /** By which more processes of it are started. */
  conmanOptions: ConmanOptions
  replicaSet: ReplicaSet
  toxiproxy: Toxiproxy
  processes: ManagedProcess[]
  reaper: Reaper
  tools: Readonly<Record<'toxiproxy-server' | 'mongod' | 'git', Tool>>
  owned: AsyncDisposableStack
  startedIn_ms: Readonly<Record<string, number>>
}

const RELAY = fileURLToPath(new URL('./socks-relay.ts', import.meta.url))
const GIT_BACKEND = fileURLToPath(new URL('../../reference/git-backend/main.ts', import.meta.url))

export const DATABASE_NAME = 'conman'
const ADMIN_EMAIL = 'admin@readiness.test'
const ADMIN_NAME = 'Readiness Admin'

/** Node keeps what it compiled there: it halves the time in which the stack's own Node programs start. */
const COMPILE_CACHE = { NODE_COMPILE_CACHE: join(cacheFolder(process.env), 'node-compile-cache') }

const LISTENING_WITHIN_MS = 20_000

export interface Beside extends AsyncDisposable {
  baseUrl: string
}

export class Stack implements AsyncDisposable {
  readonly addresses: StackAddresses
  readonly conman: StartedConman
  readonly replicaSet: ReplicaSet
  /** Drives the toxics. Its proxies: `mongo-api`, `mongo-worker`, `git`. */
  readonly toxiproxy: Toxiproxy
  /** By name: `mongod-1`…`mongod-3`, `socks-relay`, `toxiproxy`, `git-backend`, and `conman-api`, `conman-worker`, `conman-worker-2`…, or `conman`. */
  readonly processes: ReadonlyMap<string, ManagedProcess>
  readonly tools: StackParts['tools']
  /** How long each part of the start took. */
  readonly startedIn_ms: Readonly<Record<string, number>>
  readonly #reaper: Reaper
  readonly #owned: AsyncDisposableStack
  readonly #git: GitClient
  readonly #conmanOptions: ConmanOptions
  /** Those of `serveBeside`, also when they have ended. */
  readonly #beside: ManagedProcess[] = []

  constructor(parts: StackParts) {
    this.addresses = parts.addresses
    this.conman = parts.conman
    this.replicaSet = parts.replicaSet
    this.toxiproxy = parts.toxiproxy
    this.processes = new Map(parts.processes.map((process) => [process.name, process]))
    this.tools = parts.tools
    this.startedIn_ms = parts.startedIn_ms
    this.#reaper = parts.reaper
    this.#owned = parts.owned
    this.#conmanOptions = parts.conmanOptions
    this.#git = this.#owned.use(new GitClient(parts.addresses.gitAddress))
  }

  get id(): string {
    return this.addresses.id
  }
  get dir(): string {
    return this.addresses.dir
  }
  get baseUrl(): string {
    return this.addresses.baseUrl
  }
  get mongoUri(): string {
    return this.addresses.mongoUri
  }
  get databaseName(): string {
    return this.addresses.databaseName
  }
  get gitStorage(): string {
    return this.addresses.gitStorage
  }
  get gitAddress(): string {
    return this.addresses.gitAddress
  }
  get adminEmail(): string {
    return this.addresses.adminEmail
  }
  get adminPassword(): string {
    return this.addresses.adminPassword
  }
  get jwtSecret(): string {
    return this.addresses.jwtSecret
  }
  get outboxFile(): string {
    return this.addresses.outboxFile
  }

  process(name: string): ManagedProcess {
    const found = this.processes.get(name)
    if (found === undefined) {
      throw new HarnessError(`the stack has no process ${name}`, `it has ${[...this.processes.keys()].join(', ')}`)
    }
    return found
  }

  /** The process that answers HTTP, and the one that works on jobs: the same one when Conman is one process. */
  get api(): ManagedProcess {
    return this.process(this.conman.roles === 'single' ? 'conman' : 'conman-api')
  }
  get worker(): ManagedProcess {
    return this.process(this.conman.roles === 'single' ? 'conman' : 'conman-worker')
  }

  /** Makes a repository whose `main` holds these files, over the git backend's own RPCs. */
  async createRepository(
    relativePath: string,
    files: Readonly<Record<string, string | Uint8Array>>,
  ): Promise<FirstCommit> {
    return await this.#git.createRepository(relativePath, files)
  }

  /**
   * The same Conman with other variables: one more process that answers HTTP, on the same database and repositories. Ready when
   * it returns; ends when it is disposed of, or with the stack.
   */
  async serveBeside(env: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Beside> {
    return await withFreshPorts(async () => {
      const baseUrl = `http://127.0.0.1:${await freePort()}`
      const options = {
        ...this.#conmanOptions,
        addresses: { ...this.addresses, baseUrl },
        env: { ...this.#conmanOptions.env, ...env },
      }
      const process = conmanBeside(`conman-beside-${this.#beside.length + 1}`, options, this.conman)
      this.#beside.push(process)
      this.#owned.use(process)
      await process.start(signal)
      return { baseUrl, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() }
    })
  }

  logFiles(): Record<string, string> {
    return Object.fromEntries(this.#everyProcess().map((process) => [process.name, process.logFile]))
  }

  #everyProcess(): ManagedProcess[] {
    return [...this.processes.values(), ...this.#beside]
  }

  /** Of every process that runs. */
  memory(): ProcessMemory[] {
    return this.#everyProcess().flatMap(({ name, pid, rss_bytes }) =>
      pid === undefined || rss_bytes === undefined ? [] : [{ name, pid, rss_bytes }],
    )
  }

  /** Gives everything to the reaper, which keeps it and its state file until it is told to end; see keep.ts. */
  async handOver(file: string, state: Record<string, unknown>): Promise<void> {
    await this.#reaper.keep(file, state)
    for (const process of this.#everyProcess()) process.handOver()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }
}

/** Everything is ready and healthy when it returns; nothing is left when it throws. */
export async function startStack(options: StackOptions = {}, signal?: AbortSignal): Promise<Stack> {
  if (options.conmanPort !== undefined && !(await canBind(options.conmanPort))) {
    throw new UsageError(
      `port ${options.conmanPort} on 127.0.0.1 is taken`,
      'give another with --port, or leave it out for a free one',
    )
  }
  demandRoom(stackParent())
  const { conman } = options
  if (typeof conman !== 'object') return await withFreshPorts(() => startOnce(options, signal))
  const located = { ...options, conman: await locateProgram(conman) }
  try {
    return await withFreshPorts(() => startOnce(located, signal))
  } catch (error) {
    throw listensElsewhere(error) ? usersToMend(error as HarnessError) : error
  }
}

async function startOnce(options: StackOptions, signal?: AbortSignal): Promise<Stack> {
  const began = performance.now()
  const startedIn_ms: Record<string, number> = {}
  const timed = async <T>(name: string, work: Promise<T>): Promise<T> => {
    const from = performance.now()
    const result = await work
    startedIn_ms[name] = Math.round(performance.now() - from)
    return result
  }
  const tell = options.onProgress ?? (() => {})
  const tools = await timed('tools', resolveTools(tell, signal))

  // Stops the other waits as soon as one part has failed.
  const failed = new AbortController()
  const until = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])])
  await using owned = new AsyncDisposableStack()
  const id = randomBytes(6).toString('hex')
  const layout = layoutOf(join(stackParent().path, `${FOLDER_PREFIX}${id}`))
  const redactor = new Redactor()
  let hasFailed = false
  try {
    const reaper = owned.use(new Reaper(id))
    reaper.registerFolder(layout.dir)
    await makeFolders(layout)
    owned.defer(async () => {
      // Logs that cannot be kept must not hide why they are wanted.
      if (hasFailed) await keepLogs(layout.logDir, options.logsOfFailedStartIn, redactor).catch(() => {})
    })
    const { logDir } = layout

    const replicaSet = owned.use(
      await prepareReplicaSet({
        mongod: tools.mongod.path,
        dataDir: layout.dir,
        logDir,
        reaper,
        ...(options.electionTimeout_ms === undefined ? {} : { electionTimeout_ms: options.electionTimeout_ms }),
      }),
    )
    const [gitPort, gitControlPort] = await Promise.all([freePort(), freePort()])
    const git = owned.use(gitBackend(gitPort, gitControlPort, layout, tools.git.path, reaper))
    const relayPort = await freePort()
    const mongoPorts = replicaSet.members.map((member) => member.port)
    const relay = owned.use(socksRelay(relayPort, mongoPorts, logDir, reaper))
    const toxiproxy = await prepareToxiproxy({
      program: tools['toxiproxy-server'].path,
      dir: layout.dir,
      logDir,
      reaper,
      upstreams: { 'mongo-api': relayPort, 'mongo-worker': relayPort, git: gitPort },
    })
    owned.use(toxiproxy.process)

    const { workFolder, ...folders } = layout
    const addresses: StackAddresses = {
      id,
      ...folders,
      baseUrl: `http://127.0.0.1:${options.conmanPort ?? (await freePort())}`,
      mongoUri: replicaSet.uri,
      databaseName: DATABASE_NAME,
      gitAddress: `127.0.0.1:${gitPort}`,
      gitControlUrl: `http://127.0.0.1:${gitControlPort}`,
      toxiproxyUrl: toxiproxy.url,
      proxyPorts: toxiproxy.ports,
      adminEmail: ADMIN_EMAIL,
      // It is an argument of a command line: it must not begin with a dash.
      adminPassword: `readiness-${randomBytes(18).toString('base64url')}`,
      jwtSecret: randomBytes(32).toString('hex'),
      secretsMasterKey: randomBytes(32).toString('hex'),
    }
    const { adminPassword, jwtSecret, secretsMasterKey } = addresses
    redactor.add(
      adminPassword,
      jwtSecret,
      secretsMasterKey,
      ...secretsIn(options.env ?? {}),
      ...(options.secrets ?? []),
    )
    const program = options.conman === undefined || options.conman === 'none' ? BUNDLED_CONMAN : options.conman
    const conman = {
      program,
      addresses,
      env: { ...COMPILE_CACHE, ...options.env },
      workFolder,
      reaper,
      relayed: () => logsMessage(relay, 'socks relay used'),
    }
    const admin = { email: ADMIN_EMAIL, name: ADMIN_NAME, password: adminPassword }

    tell('starting MongoDB, Toxiproxy and the git backend')
    const database = Promise.all([
      timed('replica-set', replicaSet.start(until)),
      timed('socks-relay', relay.start(until)),
      timed('toxiproxy', toxiproxy.process.start(until)),
    ])
    const gitReady = timed('git-backend', git.start(until))
    const serving: ManagedProcess[] = []
    const serve = async (): Promise<StartedConman> => {
      if (options.conman === 'none') {
        await Promise.all([database, gitReady])
        return BUNDLED_CONMAN
      }
      const bootstrapped = database.then(() => {
        tell('starting Conman')
        return ofUsersProgram(options, timed('bootstrap-admin', bootstrapAdmin(conman, admin, until)))
      })
      // The account needs MongoDB alone, so it is made while the servers start, where their way to it is known.
      const served = Promise.all([
        findRoles(conman, until),
        program.mongoPath ?? bootstrapped,
        database,
        gitReady,
      ]).then(async ([roles, mongoPath]) => {
        const parts = { roles, mongoPath, workers: options.workers ?? 1 }
        serving.push(...conmanProcesses(conman, parts).map((process) => owned.use(process)))
        const starts = serving.map((process) => timed(process.name, process.start(until)))
        await ofUsersProgram(options, allOrNone(failed, starts))
        return { ...program, roles, mongoPath }
      })
      await allOrNone(failed, [bootstrapped, served])
      return await served
    }
    const started = serve()
    await allOrNone(failed, [database, gitReady, started])
    startedIn_ms.total = Math.round(performance.now() - began)
    const processes = [...replicaSet.members.map((member) => member.process), relay, toxiproxy.process, git, ...serving]
    return new Stack({
      addresses,
      conman: await started,
      conmanOptions: conman,
      replicaSet,
      toxiproxy: toxiproxy.client,
      processes,
      reaper,
      tools,
      owned: owned.move(),
      startedIn_ms,
    })
  } catch (error) {
    hasFailed = true
    throw explained(error, redactor, layout.logDir, options.logsOfFailedStartIn)
  }
}

async function resolveTools(onProgress: (line: string) => void, signal?: AbortSignal): Promise<StackParts['tools']> {
  const wanted = TOOL_NAMES.filter((name) => name !== 'k6')
  const found = await Promise.all(
    wanted.map((name) => resolveTool(name, { install: true, onProgress, ...(signal === undefined ? {} : { signal }) })),
  )
  return Object.fromEntries(found.map((tool) => [tool.name, tool])) as StackParts['tools']
}

function layoutOf(dir: string): Layout {
  return {
    dir,
    logDir: join(dir, 'logs'),
    gitStorage: join(dir, 'git'),
    outboxFile: join(dir, 'outbox.jsonl'),
    effectsFile: join(dir, 'effects.log'),
    workFolder: join(dir, 'conman'),
  }
}

async function makeFolders(layout: Layout): Promise<void> {
  try {
    // Credentials go through these logs and files: nobody else's to read.
    await mkdir(layout.dir, { mode: 0o700 })
  } catch (error) {
    throw new HarnessError(`${layout.dir} cannot be made`, 'set READINESS_TMP to a folder that you may write to', {
      cause: error,
    })
  }
  await Promise.all([mkdir(layout.logDir), mkdir(layout.gitStorage), mkdir(layout.workFolder)])
  // A Conman reads the first `.env` in its folder or above: here it finds none of the user's.
  await writeFile(join(layout.workFolder, '.env'), '')
}

function socksRelay(port: number, mongoPorts: number[], logDir: string, reaper: Reaper): ManagedProcess {
  const args = ['--listen', `127.0.0.1:${port}`, '--allow', mongoPorts.join(',')]
  return new ManagedProcess(
    {
      name: 'socks-relay',
      command: process.execPath,
      args: [RELAY, ...args],
      env: COMPILE_CACHE,
      logFile: join(logDir, 'socks-relay.log'),
      // It holds nothing: connections are all that it could save.
      stopWithin_ms: 0,
      ready: {
        what: `to listen on port ${port}`,
        within_ms: LISTENING_WITHIN_MS,
        probe: (it) => logsMessage(it, 'socks relay listening'),
      },
    },
    reaper,
  )
}

function gitBackend(port: number, controlPort: number, layout: Layout, git: string, reaper: Reaper): ManagedProcess {
  const listen = ['--listen', `127.0.0.1:${port}`, '--control', `127.0.0.1:${controlPort}`]
  const args = ['serve', '--storage', layout.gitStorage, ...listen, '--git', git]
  return new ManagedProcess(
    {
      name: 'git-backend',
      command: process.execPath,
      args: [GIT_BACKEND, ...args],
      // What somebody's own git configuration says (signing, hooks, templates) is no part of what is measured.
      env: { ...COMPILE_CACHE, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
      logFile: join(layout.logDir, 'git-backend.log'),
      ready: {
        what: `to listen on port ${port}`,
        within_ms: LISTENING_WITHIN_MS,
        probe: async (it) => logsMessage(it, 'git backend listening') && (await accepts(port)),
      },
    },
    reaper,
  )
}

function logsMessage(process: ManagedProcess, message: string): boolean {
  return process
    .log()
    .split('\n')
    .some((line) => {
      try {
        return (JSON.parse(line) as { message?: unknown }).message === message
      } catch {
        return false
      }
    })
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** Waits for all; when one fails, the others are told to stop waiting, and only then its error goes on. */
async function allOrNone(failed: AbortController, tasks: Promise<unknown>[]): Promise<void> {
  try {
    await Promise.all(tasks)
  } catch (error) {
    failed.abort(error)
    await Promise.allSettled(tasks)
    throw error
  }
}

async function keepLogs(logDir: string, target: string | undefined, redactor: Redactor): Promise<void> {
  if (target === undefined) return
  await mkdir(target, { recursive: true, mode: 0o700 })
  const kept = new RunFolder(target, redactor)
  for (const name of await readdir(logDir)) kept.copyLog(join(logDir, name), name)
}

/** A Conman that the user named and that does not come up is the user's to mend. */
async function ofUsersProgram<T>(options: StackOptions, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw options.conman !== undefined && error instanceof HarnessError ? usersToMend(error) : error
  }
}

function usersToMend(error: HarnessError): UsageError {
  return new UsageError(
    error.message,
    "it must understand Conman's commands (serve, bootstrap-admin) and its CONMAN_ variables, and stay in the foreground; of your own variables it gets none but those that its command sets (env NAME=value /path/to/conman)",
    { cause: error },
  )
}

/** A program that never takes the port that it is given meets whoever has the one that it takes. */
function listensElsewhere(error: unknown): boolean {
  return error instanceof HarnessError && error.cause instanceof AddressInUse && /^conman/.test(error.message)
}

/** Without secrets, and pointing to where the logs are once the stack's own folder is gone. */
function explained(error: unknown, redactor: Redactor, logDir: string, keptIn: string | undefined): unknown {
  if (error instanceof AddressInUse) return new AddressInUse(redactor.text(error.message))
  if (!(error instanceof HarnessError || error instanceof UsageError)) return error
  const message = redactor.text(error.message)
  const remedy =
    keptIn === undefined
      ? error.remedy.includes(logDir)
        ? 'its last lines above say why'
        : error.remedy
      : `${error.remedy.replaceAll(logDir, keptIn)}; all logs are in ${keptIn}`
  if (message === error.message && remedy === error.remedy) return error
  const Kind = error instanceof UsageError ? UsageError : HarnessError
  return new Kind(message, remedy, { cause: error })
}
