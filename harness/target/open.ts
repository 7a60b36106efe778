// Which Conman a command is aimed at, from the environment, and the door to it. Bad aim is one clear line and exit code 3.

import { readFileSync } from 'node:fs'
import { UsageError } from '../errors.ts'
import { reasonOf } from '../evidence/store.ts'
import type { Profile } from '../profiles.ts'
import type { Progress } from '../progress.ts'
import type { ToolName } from '../toolchain/programs.ts'
import { parseBaseUrl } from './http.ts'
import { openReference } from './reference.ts'
import type { Target } from './target.ts'
import { openUrl } from './url.ts'

export interface ReferenceOptions {
  kind: 'reference'
  /** A known defect to start it with. */
  defect?: string
  /** Worker processes; one when nothing is said. */
  workers?: number
  tools: readonly ToolName[]
}

export interface UrlOptions {
  kind: 'url'
  baseUrl: string
  adminEmail: string
  adminPassword: string
  /** A repository with a commit on `main` that the API does not create by itself. */
  repoPath?: string
  /** Read-only access suffices: used for the audit rows. */
  mongoUri?: string
  mongoDb: string
  /** The folder with the target's repositories, where it can be read from here. */
  gitStorage?: string
  tools: readonly ToolName[]
}

export type TargetOptions = ReferenceOptions | UrlOptions

export interface Opening {
  profile: Profile
  progress: Progress
  signal: AbortSignal
}

export type OpenTarget = (options: TargetOptions, opening: Opening) => Promise<Target>

export const openTarget: OpenTarget = (options, opening) =>
  options.kind === 'url' ? openUrl(options, opening) : openReference(options, opening)

/** Reads the aim from variables: nothing set means the bundled reference on its own stack. */
export function targetOptions(env: NodeJS.ProcessEnv, flags: { defect?: string } = {}): TargetOptions {
  if (env.CONMAN_SERVER_CMD) {
    throw new UsageError(
      'CONMAN_SERVER_CMD is set, but this version cannot start another Conman program yet',
      'start it yourself and aim at it with CONMAN_BASE_URL, or unset CONMAN_SERVER_CMD',
    )
  }
  const url = env.CONMAN_BASE_URL
  if (url === undefined || url === '') {
    return {
      kind: 'reference',
      ...(flags.defect === undefined ? {} : { defect: flags.defect }),
      tools: ['k6', 'mongod', 'toxiproxy-server', 'git'],
    }
  }
  if (flags.defect !== undefined) {
    throw new UsageError(
      '--defect needs the bundled Conman',
      'unset CONMAN_BASE_URL: nobody seeds a defect into your server',
    )
  }
  const baseUrl = parseBaseUrl(url, 'CONMAN_BASE_URL')
  const gitStorage = env.CONMAN_GIT_STORAGE
  return {
    kind: 'url',
    baseUrl,
    adminEmail: demand(env, 'CONMAN_ADMIN_EMAIL', 'the account that `bootstrap-admin` made'),
    adminPassword: secret(env, 'CONMAN_ADMIN_PASSWORD'),
    ...(env.CONMAN_REPO_PATH ? { repoPath: env.CONMAN_REPO_PATH } : {}),
    ...(env.CONMAN_MONGO_URI ? { mongoUri: env.CONMAN_MONGO_URI } : {}),
    mongoDb: env.CONMAN_MONGO_DB ?? 'conman',
    ...(gitStorage ? { gitStorage } : {}),
    tools: gitStorage ? ['k6', 'git'] : ['k6'],
  }
}

function demand(env: NodeJS.ProcessEnv, name: string, what: string): string {
  const value = env[name]
  if (value) return value
  throw new UsageError(`CONMAN_BASE_URL is set, but ${name} is not`, `set ${name}: ${what}`)
}

/** From the variable, or from the file that `<name>_FILE` names; never from the command line, which others can read. */
function secret(env: NodeJS.ProcessEnv, name: string): string {
  const file = env[`${name}_FILE`]
  if (!file) return demand(env, name, `or ${name}_FILE, a file that holds it`)
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (cause) {
    throw new UsageError(
      `${name}_FILE cannot be read (${reasonOf(cause)})`,
      'give a file that holds nothing but the password',
      { cause },
    )
  }
}
