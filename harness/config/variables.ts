// THE list of the variables that aim the harness: what each is called, which key of readiness.config.yaml says the same,
// and what it is. docs/configuration.md is held against it.

import { UsageError } from '../errors.ts'
import { HOOK_NAMES, type HookName } from '../target/options.ts'
import { didYouMean, nearest } from './nearest.ts'
import { splitWords, UNCLOSED } from './words.ts'

export interface Variable {
  name: string
  /** The place in a target of the file, its parts joined by dots. */
  key: string
  what: string
  /** How its text becomes the key's value. `secret`: the key takes the variable's name, and the value is read at the end. */
  form: 'text' | 'list' | 'words' | 'number' | 'secret'
}

/** The two that aim; the others say what can be reached there. */
export const AIMING = ['CONMAN_BASE_URL', 'CONMAN_SERVER_CMD'] as const

const WHAT_HOOKS_DO: Readonly<Record<HookName, string>> = {
  'worker-kill': 'kills the job worker, as the out-of-memory killer would',
  'worker-start': 'starts the job worker again',
  'api-kill': 'kills the API process',
  'api-start': 'starts the API process again',
  'git-stop': 'stops the git backend',
  'git-start': 'starts the git backend again',
  'mongo-stepdown': 'makes the primary of the replica set step down',
  'mongo-stop': 'stops the database',
  'mongo-start': 'starts the database again',
  'repo-create': 'makes a git repository with a commit on `main`; `{repo}` becomes its path',
}

export const COMMAND_VARIABLES: readonly Variable[] = [
  {
    name: 'CONMAN_SERVER_CMD',
    key: 'command',
    what: 'a Conman program with its arguments, started on a stack of the harness’s own',
    form: 'words',
  },
  {
    name: 'CONMAN_MONGO_PATH',
    key: 'mongo_path',
    what: 'proxied or direct: its way to MongoDB, observed when nothing is said',
    form: 'text',
  },
  { name: 'CONMAN_SOURCE', key: 'source', what: 'the folder with the target’s source', form: 'text' },
]

export const URL_VARIABLES: readonly Variable[] = [
  { name: 'CONMAN_BASE_URL', key: 'url', what: 'what stands in front of /api', form: 'text' },
  { name: 'CONMAN_ADMIN_EMAIL', key: 'admin.email', what: 'the account that `bootstrap-admin` made', form: 'text' },
  { name: 'CONMAN_ADMIN_PASSWORD', key: 'admin.password_variable', what: 'its password', form: 'secret' },
  { name: 'CONMAN_ADMIN_PASSWORD_FILE', key: 'admin.password_file', what: 'a file that holds it', form: 'text' },
  {
    name: 'CONMAN_CA_FILE',
    key: 'ca_file',
    what: 'certificates (PEM) of the private authority that vouches for the target',
    form: 'text',
  },
  {
    name: 'CONMAN_REPOS',
    key: 'repos',
    what: 'git repositories with a commit on `main`, separated by commas; one is used for each app that is made',
    form: 'list',
  },
  { name: 'CONMAN_REPO_PATH', key: 'repos', what: 'one such repository', form: 'list' },
  {
    name: 'CONMAN_MONGO_URI',
    key: 'mongo.uri_variable',
    what: 'the connection string of a read-only user of the database',
    form: 'secret',
  },
  { name: 'CONMAN_MONGO_URI_FILE', key: 'mongo.uri_file', what: 'a file that holds it', form: 'text' },
  {
    name: 'CONMAN_MONGO_DB',
    key: 'mongo.database',
    what: 'Conman’s database, `conman` when nothing is said',
    form: 'text',
  },
  {
    name: 'CONMAN_GIT_STORAGE',
    key: 'git_storage',
    what: 'the folder with the repositories, where it can be read from here',
    form: 'text',
  },
  {
    name: 'CONMAN_TOXIPROXY_URL',
    key: 'toxiproxy.url',
    what: 'the API of a Toxiproxy in front of what the target stands on',
    form: 'text',
  },
  {
    name: 'CONMAN_TOXIPROXY_MONGO_API',
    key: 'toxiproxy.proxies.mongo-api',
    what: 'its proxy between the API and MongoDB, `mongo-api` when nothing is said',
    form: 'text',
  },
  {
    name: 'CONMAN_TOXIPROXY_MONGO_WORKER',
    key: 'toxiproxy.proxies.mongo-worker',
    what: 'its proxy between the worker and MongoDB, `mongo-worker` when nothing is said',
    form: 'text',
  },
  {
    name: 'CONMAN_TOXIPROXY_GIT',
    key: 'toxiproxy.proxies.git',
    what: 'its proxy before the git backend, `git` when nothing is said',
    form: 'text',
  },
  { name: 'CONMAN_PROMETHEUS_URL', key: 'prometheus', what: 'a Prometheus that scrapes the target', form: 'text' },
  { name: 'CONMAN_LOG_FILE', key: 'logs.file', what: 'the log of the server', form: 'text' },
  {
    name: 'CONMAN_LOG_COMMAND',
    key: 'logs.command',
    what: 'a command that prints it and ends; `{since}` becomes the time from which on',
    form: 'words',
  },
  {
    name: 'CONMAN_OUTBOX_FILE',
    key: 'outbox_file',
    what: 'where the target writes the mails that it would send',
    form: 'text',
  },
  { name: 'CONMAN_SOURCE', key: 'source', what: 'the folder with the target’s source', form: 'text' },
  {
    name: 'CONMAN_JWT_SECRET_FILE',
    key: 'jwt_secret_file',
    what: 'a file that holds the secret that signs the target’s tokens',
    form: 'text',
  },
  {
    name: 'CONMAN_CONSENT_HOST',
    key: 'consent.host',
    what: 'the host of the URL, typed again: consent to what `--allow-writes` or `--allow-destructive` allows',
    form: 'text',
  },
  {
    name: 'CONMAN_LOAD_REQUESTS_PER_S_MAX',
    key: 'load.requests_per_s_max',
    what: 'the most requests a second of all generators together',
    form: 'number',
  },
  { name: 'CONMAN_LOAD_USERS_MAX', key: 'load.users_max', what: 'the most users at the same time', form: 'number' },
  {
    name: 'CONMAN_LOAD_STOP_AT_5XX_SHARE',
    key: 'load.stop_at_5xx_share',
    what: 'the share of 5xx answers, 0 to 1, at which a load is stopped',
    form: 'number',
  },
  ...HOOK_NAMES.map(
    (hook): Variable => ({
      name: `CONMAN_HOOK_${hook.replaceAll('-', '_').toUpperCase()}`,
      key: `hooks.${hook}.command`,
      what: WHAT_HOOKS_DO[hook],
      form: 'words',
    }),
  ),
  {
    name: 'CONMAN_HOOK_TIMEOUT_S',
    key: 'hooks.*.timeout_s',
    what: 'seconds after which a hook is ended, 60 when nothing is said',
    form: 'number',
  },
]

/**
 * What Conman's own processes read. Some have the name of one of ours and mean the same; the others may stand in the same
 * shell and are none of our business.
 */
const CONMANS_OWN =
  /^CONMAN_(HOST|PORT|MONGO_(URI|DB)|GITALY_.*|JWT_.*|INVITE_.*|SECRETS_MASTER_KEY|TEMP_.*|HTTP_RATE_LIMIT_.*|RATE_LIMIT_.*|LOGIN_.*|JOB_.*|RUNNER_.*|GIT_DEADLINE|ARGON2_.*|WORKER_MONGO_URI|MSUITE_.*|DEPLOY_.*|RUNTIME_.*|SMTP_.*|DEFECT|OUTBOX_FILE|APP_ID|ENTITY_.*)$/

/** The text of a variable; an empty one counts as none. */
export function textOf(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name]
}

/** What variables say, in the shape of a target of the file, and the variable of each key. */
export function targetOfVariables(
  env: NodeJS.ProcessEnv,
  variables: readonly Variable[],
): { target: Record<string, unknown>; nameOf: Map<string, string> } {
  const target: Record<string, unknown> = {}
  const nameOf = new Map<string, string>()
  for (const variable of variables) {
    const value = textOf(env, variable.name)
    if (value === undefined) continue
    if (variable.form === 'secret' && textOf(env, `${variable.name}_FILE`) !== undefined) continue
    const other = nameOf.get(variable.key)
    if (other !== undefined) {
      throw new UsageError(`${other} and ${variable.name} say the same thing twice`, 'unset one of them')
    }
    const keys = variable.key.includes('*')
      ? Object.keys((target.hooks ?? {}) as object).map((hook) => variable.key.replace('*', hook))
      : [variable.key]
    for (const key of keys) {
      nameOf.set(key, variable.name)
      put(target, key.split('.'), formed(variable, value))
    }
  }
  return { target, nameOf }
}

function formed(variable: Variable, value: string): unknown {
  switch (variable.form) {
    case 'text':
      return value
    case 'secret':
      return variable.name
    case 'list':
      return value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
    case 'words':
      return wordsOf(value, variable.name)
    case 'number':
      // What is no number stays a text, for the schema to say so.
      return value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value
  }
}

function wordsOf(text: string, name: string): string[] {
  const words = splitWords(text)
  if (words === undefined) throw new UsageError(`${name} ${UNCLOSED}`, 'close it')
  return words
}

function put(into: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path
  if (rest.length === 0) into[key!] = value
  else {
    into[key!] ??= {}
    put(into[key!] as Record<string, unknown>, rest, value)
  }
}

/** Lines about variables that are nearly ours: a slip of the fingers must not silently make a run smaller. */
export function misspelled(env: NodeJS.ProcessEnv): string[] {
  const ours = new Set([...URL_VARIABLES, ...COMMAND_VARIABLES].map((variable) => variable.name))
  return Object.keys(env)
    .filter((name) => name.startsWith('CONMAN_') && textOf(env, name) !== undefined && !ours.has(name))
    .filter((name) => name.startsWith('CONMAN_HOOK_') || (!CONMANS_OWN.test(name) && nearest(name, ours) !== undefined))
    .sort()
    .map((name) => `${name} is not a variable of the harness, and is not used${didYouMean(name, ours)}`)
}

/** Lines about variables of ours that say something which the chosen target does not use. */
export function unused(env: NodeJS.ProcessEnv, used: readonly Variable[], because: string): string[] {
  const names = new Set(used.map((variable) => variable.name))
  return URL_VARIABLES.filter(
    ({ name }) => !names.has(name) && !CONMANS_OWN.test(name) && textOf(env, name) !== undefined,
  ).map(({ name }) => `${name} is set but not used: ${because}`)
}
