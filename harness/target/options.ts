// What opens a target, whatever said it (variables, a configuration file): checked, whole, with the secrets read. Reading
// it from the user is harness/config's work; the doors (open.ts) take it from here.

import type { Consent } from '../consent.ts'
import type { ToolName } from '../toolchain/programs.ts'
import type { LoadBounds } from './target.ts'

export interface ReferenceOptions {
  kind: 'reference'
  /** A known defect to start it with. */
  defect?: string
  /** Worker processes; one when nothing is said. */
  workers?: number
  tools: readonly ToolName[]
}

/** Another Conman program, started on a stack of our own. */
export interface CommandOptions {
  kind: 'command'
  /** Its name in readiness.config.yaml; absent when variables say it. */
  name?: string
  /** The program: a path, or a name to be looked up on PATH. Started without a shell. */
  command: string
  /** What stands before `serve` and `bootstrap-admin`. */
  args: readonly string[]
  /** On top of what the stack sets. */
  env: Readonly<Record<string, string>>
  /** Values of `env` that must not be written anywhere. */
  secrets: readonly string[]
  /** Whether its MongoDB driver goes through the stack's SOCKS5 relay (CONMAN_MONGO_PATH); observed when nothing is said. */
  mongoPath?: 'proxied' | 'direct'
  /** The folder with its source. */
  source?: string
  tools: readonly ToolName[]
}

/** A Conman that runs somewhere, with whatever the user lets us reach. */
export interface UrlOptions {
  kind: 'url'
  /** Its name in readiness.config.yaml; absent when variables say it. */
  name?: string
  /** Without a slash at its end, without credentials. */
  baseUrl: string
  adminEmail: string
  adminPassword: string
  /** A private certificate authority: the file for children such as k6, and its text for our own client. */
  ca?: { file: string; pem: string }
  /** Repositories with a commit on `main`, each for one app, in this order. */
  repos: readonly string[]
  /** Read-only access suffices. */
  mongo?: { uri: string; database: string }
  /** The folder with the target's repositories, where it can be read from here. */
  gitStorage?: string
  /** `proxies` are the names that the user gave; those of our own stack are tried for the others. */
  toxiproxy?: { url: string; proxies: Partial<Record<ProxyRole, string>> }
  prometheusUrl?: string
  logs?: LogSource
  outboxFile?: string
  source?: string
  jwtSecret?: string
  hooks: Partial<Record<HookName, HookOptions>>
  /** The host (`host` or `host:port`) that the user typed as his consent to more than reading. */
  consentHost?: string
  /** What may be done to it, by the command line and that host (harness/consent.ts); absent: it is only read. */
  consent?: Consent
  /** Bounds that the user set himself; the others have defaults. */
  load: Partial<LoadBounds>
  /** How the user gave each thing, by its key in the file: a variable, or a place in the file. For messages. */
  givenBy: Readonly<Record<string, string>>
  tools: readonly ToolName[]
}

export type TargetOptions = ReferenceOptions | CommandOptions | UrlOptions

/** The switches of a Toxiproxy that the checks ask for; also the names of our own stack's proxies. */
export const PROXY_ROLES = ['mongo-api', 'mongo-worker', 'git'] as const
export type ProxyRole = (typeof PROXY_ROLES)[number]

export type LogSource = { kind: 'file'; file: string } | { kind: 'command'; words: readonly string[] }

export const HOOK_NAMES = [
  'worker-kill',
  'worker-start',
  'api-kill',
  'api-start',
  'git-stop',
  'git-start',
  'mongo-stepdown',
  'mongo-stop',
  'mongo-start',
  'repo-create',
] as const
export type HookName = (typeof HOOK_NAMES)[number]

export interface HookOptions {
  /** The program and its arguments, handed to the operating system as they are: no shell reads them. */
  words: readonly string[]
  timeout_s: number
}

/** Programs of a stack of our own, and of the load. */
const OWN_STACK_TOOLS: readonly ToolName[] = ['k6', 'mongod', 'toxiproxy-server', 'git']

export function referenceOptions(flags: { defect?: string; workers?: number } = {}): ReferenceOptions {
  return { kind: 'reference', ...flags, tools: OWN_STACK_TOOLS }
}

export function commandOptions(given: Omit<CommandOptions, 'kind' | 'tools'>): CommandOptions {
  return { kind: 'command', ...given, tools: OWN_STACK_TOOLS }
}

/**
 * Where fixtures go: straight into the database only by default of the bundled Conman. Another program reads rows in a
 * shape of its own, and its users and sessions are made over HTTP unless the user asks for the other.
 */
export function seedingOf(asked: 'auto' | 'http' | 'database', target: TargetOptions): 'http' | 'database' {
  if (asked !== 'auto') return asked
  return target.kind === 'reference' ? 'database' : 'http'
}

export function urlOptions(given: Omit<UrlOptions, 'kind' | 'tools'>): UrlOptions {
  return { kind: 'url', ...given, tools: given.gitStorage === undefined ? ['k6'] : ['k6', 'git'] }
}
