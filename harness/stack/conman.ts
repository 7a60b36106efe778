// Conman itself on the stack: the environment that it is given, the programs that are started, and when they count as ready.
// Which program it is does not matter here: anything with Conman's command line and variables is started the same way.

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HarnessError } from '../errors.ts'
import { lookAtHealth } from './conman-health.ts'
import { rolesByHelp } from './conman-program.ts'
import { DEPLOY_COMMAND, effectsCommand } from './effects.ts'
import { MARKER } from './process-table.ts'
import { ManagedProcess, type Readiness } from './processes.ts'
import type { Reaper } from './reaper-client.ts'
import type { StackAddresses } from './stack.ts'
import type { ProxyName } from './toxiproxy.ts'

/** `split`: it has `serve --role api` and `serve --role worker`; `single`: one `serve` does both. */
export type Roles = 'split' | 'single'

/** `direct` for a program whose MongoDB driver knows no SOCKS5: its way to MongoDB can then not be cut. */
export type MongoPath = 'proxied' | 'direct'

/** A program with Conman's command line: `<command> <args…> serve`, `<command> <args…> bootstrap-admin EMAIL NAME PASSWORD`. */
export interface ConmanProgram {
  command: string
  args: readonly string[]
  /** `by-help`: what its help offers. */
  roles: Roles | 'by-help'
  /** When nothing is said, the connections of its bootstrap-admin show it. */
  mongoPath?: MongoPath
  /** 40 s when nothing is said. */
  readyWithin_ms?: number
}

/** With what was found out while it started. */
export interface StartedConman extends ConmanProgram {
  roles: Roles
  mongoPath: MongoPath
}

export const BUNDLED_CONMAN: StartedConman = {
  command: process.execPath,
  args: [fileURLToPath(new URL('../../reference/conman/main.ts', import.meta.url))],
  roles: 'split',
  mongoPath: 'proxied',
}

export interface ConmanOptions {
  program: ConmanProgram
  addresses: StackAddresses
  /** On top of what the stack sets. */
  env: Readonly<Record<string, string>>
  /** The programs' working folder: nothing of the user's is found from there. */
  workFolder: string
  reaper: Reaper
  /** Whether a client has got through the relay to MongoDB. */
  relayed(): boolean
}

/** Connecting, building indexes and a first heartbeat take a second; Conman's own driver gives MongoDB 30 s. */
const READY_WITHIN_MS = 40_000
const BOOTSTRAP_WITHIN_MS = 40_000
const HEALTH_EVERY_MS = 40
/** Longer than a job's last write: an orderly end is part of what Conman is asked for. */
const STOP_WITHIN_MS = 5_000

export async function findRoles(options: ConmanOptions, signal?: AbortSignal): Promise<Roles> {
  const { program, reaper, workFolder } = options
  if (program.roles !== 'by-help') return program.roles
  const env = { ...environmentOf(options, 'direct', 'mongo-api'), [MARKER]: reaper.stackId }
  return await rolesByHelp({ ...program, env, cwd: workFolder, ...(signal === undefined ? {} : { signal }) })
}

export interface Person {
  email: string
  name: string
  password: string
}

/**
 * Makes the administrator, and tells the way that the program takes to MongoDB: it is given the way through the relay
 * first. A driver that does not know such a way fails, or ignores it and connects to the members themselves.
 */
export async function bootstrapAdmin(options: ConmanOptions, admin: Person, signal?: AbortSignal): Promise<MongoPath> {
  const wanted = options.program.mongoPath
  if (wanted !== 'direct') {
    try {
      await bootstrapOver('proxied', options, admin, signal)
      if (options.relayed()) return 'proxied'
      if (wanted === undefined) return 'direct'
    } catch (error) {
      if (wanted === 'proxied' || signal?.aborted || !(error instanceof HarnessError)) throw error
    }
    // Taken at its word it would pass every test of a cut connection, for nothing would be cut.
    if (wanted === 'proxied') {
      throw new HarnessError(
        'conman-bootstrap went to MongoDB past the SOCKS5 relay, though its way was said to be ‘proxied’',
        'leave CONMAN_MONGO_PATH unset, or set it to ‘direct’: what cuts that way is then not verified',
      )
    }
  }
  await bootstrapOver('direct', options, admin, signal)
  return 'direct'
}

async function bootstrapOver(path: MongoPath, options: ConmanOptions, admin: Person, signal?: AbortSignal) {
  const args = ['bootstrap-admin', admin.email, admin.name, admin.password]
  await using program = conmanProcess('conman-bootstrap', args, options, environmentOf(options, path, 'mongo-api'))
  program.spawn()
  await program.waitForSuccess(BOOTSTRAP_WITHIN_MS, signal)
}

/** The API and the workers (`conman-worker`, `conman-worker-2`, …), or the one process that is both. */
export function conmanProcesses(
  options: ConmanOptions,
  { roles, mongoPath, workers }: { roles: Roles; mongoPath: MongoPath; workers: number },
): ManagedProcess[] {
  const env = (proxy: ProxyName) => environmentOf(options, mongoPath, proxy)
  const ready = () => healthy(options)
  if (roles === 'single') return [conmanProcess('conman', ['serve'], options, env('mongo-api'), ready())]
  const names = Array.from({ length: workers }, (_, index) => `conman-worker${index === 0 ? '' : `-${index + 1}`}`)
  return [
    conmanProcess('conman-api', ['serve', '--role', 'api'], options, env('mongo-api'), ready()),
    ...names.map((name) => conmanProcess(name, ['serve', '--role', 'worker'], options, env('mongo-worker'), ready())),
  ]
}

/** One more that answers HTTP, at the address and with the environment of these options. A single process works on jobs, too. */
export function conmanBeside(
  name: string,
  options: ConmanOptions,
  { roles, mongoPath }: Pick<StartedConman, 'roles' | 'mongoPath'>,
): ManagedProcess {
  const args = roles === 'single' ? ['serve'] : ['serve', '--role', 'api']
  return conmanProcess(name, args, options, environmentOf(options, mongoPath, 'mongo-api'), healthy(options))
}

function conmanProcess(
  name: string,
  args: readonly string[],
  { program, workFolder, addresses, reaper }: ConmanOptions,
  env: Record<string, string>,
  ready?: Readiness,
): ManagedProcess {
  return new ManagedProcess(
    {
      name,
      command: program.command,
      args: [...program.args, ...args],
      env,
      cwd: workFolder,
      logFile: join(addresses.logDir, `${name}.log`),
      stopWithin_ms: STOP_WITHIN_MS,
      ...(ready === undefined ? {} : { ready }),
    },
    reaper,
  )
}

function healthy({ program, addresses: { baseUrl } }: ConmanOptions): Readiness {
  let seen = ''
  return {
    what: `${baseUrl}/api/health to say that all components are healthy`,
    within_ms: program.readyWithin_ms ?? READY_WITHIN_MS,
    every_ms: HEALTH_EVERY_MS,
    probe: async () => {
      seen = await lookAtHealth(baseUrl)
      return seen === 'healthy'
    },
    instead: () => seen,
  }
}

/** What the stack sets. A user's program that was given another value would stand on something else than this stack. */
export const STACK_VARIABLES = [
  'CONMAN_HOST',
  'CONMAN_PORT',
  'CONMAN_MONGO_URI',
  'CONMAN_WORKER_MONGO_URI',
  'CONMAN_MONGO_DB',
  'CONMAN_GITALY_ADDRESS',
  'CONMAN_JWT_SECRET',
  'CONMAN_SECRETS_MASTER_KEY',
  'CONMAN_TEMP_URL_DOMAIN',
  'CONMAN_OUTBOX_FILE',
  'CONMAN_COMMAND_ENV',
] as const

function stackEnvironment(
  addresses: StackAddresses,
  mongoPath: MongoPath,
  proxy: ProxyName,
): Record<(typeof STACK_VARIABLES)[number], string> {
  const { hostname, port } = new URL(addresses.baseUrl)
  const { proxyPorts } = addresses
  const through = (proxyPort: number) =>
    mongoPath === 'direct' ? addresses.mongoUri : `${addresses.mongoUri}&proxyHost=127.0.0.1&proxyPort=${proxyPort}`
  return {
    CONMAN_HOST: hostname,
    CONMAN_PORT: port,
    // A worker that knows no variable of its own takes the common one: it gets the worker's way by either.
    CONMAN_MONGO_URI: through(proxyPorts[proxy]),
    CONMAN_WORKER_MONGO_URI: through(proxyPorts['mongo-worker']),
    CONMAN_MONGO_DB: addresses.databaseName,
    CONMAN_GITALY_ADDRESS: `http://127.0.0.1:${proxyPorts.git}`,
    CONMAN_JWT_SECRET: addresses.jwtSecret,
    CONMAN_SECRETS_MASTER_KEY: addresses.secretsMasterKey,
    CONMAN_TEMP_URL_DOMAIN: 'config.readiness.test',
    CONMAN_OUTBOX_FILE: addresses.outboxFile,
    // What Conman's commands start is found by it when their worker is gone (reaper.ts).
    CONMAN_COMMAND_ENV: MARKER,
  }
}

function environmentOf({ addresses, env }: ConmanOptions, mongoPath: MongoPath, proxy: ProxyName) {
  // A deploy command of the user's own takes the place of ours: then what deployments do is not known here.
  const effects = { [DEPLOY_COMMAND]: effectsCommand(addresses.effectsFile) }
  return { ...stackEnvironment(addresses, mongoPath, proxy), ...effects, ...env }
}
