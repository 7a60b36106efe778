// Makes of a target, whether variables or a file said it, what a door can open: its shape, its files, its secrets are
// looked at, and out comes the whole or a list of complaints. Nothing is contacted.

import { commandOptions, type HookName, type HookOptions, type TargetOptions, urlOptions } from '../target/options.ts'
import type { Complaint, Source } from './complaint.ts'
import { Looking } from './looking.ts'
import type { CommandTarget, FileTarget, UrlTarget } from './schema.ts'
import { complaintsAboutTarget } from './shape.ts'

/** A hook that takes longer than this is taken for stuck: a part of a server starts and stops within it. */
const HOOK_TIMEOUT_S = 60

/** The options of one target. Nothing is thrown: what is wrong is in `complaints`, and then there are no options. */
export async function examine(
  given: FileTarget | Record<string, unknown>,
  source: Source,
  env: NodeJS.ProcessEnv,
  name?: string,
): Promise<{ options: TargetOptions | undefined; complaints: Complaint[] }> {
  const unfit = complaintsAboutTarget(given, given.kind === 'command' ? 'command' : 'url')
  if (unfit.length > 0) return { options: undefined, complaints: unfit }
  const looking = new Looking(source, env)
  const options =
    given.kind === 'command'
      ? await commandOf(given as CommandTarget, looking, name)
      : await urlOf(given as UrlTarget, looking, name)
  return { options: looking.complaints.length === 0 ? options : undefined, complaints: looking.complaints }
}

async function urlOf(given: UrlTarget, looking: Looking, name: string | undefined): Promise<TargetOptions> {
  const { admin, mongo, toxiproxy, logs } = given
  const baseUrl = looking.url('url', given.url)
  const adminPassword = looking.secret('admin.password', admin.password_file, admin.password_variable, 'password')
  const caFile = looking.path('ca_file', given.ca_file, 'file')
  const uri = mongo && looking.secret('mongo.uri', mongo.uri_file, mongo.uri_variable, 'connection string')
  if (uri !== undefined && uri !== '' && !/^mongodb(\+srv)?:\/\//.test(uri)) {
    looking.say(
      mongo?.uri_file ? 'mongo.uri_file' : 'mongo.uri_variable',
      'does not hold a connection string',
      'it begins with mongodb:// or mongodb+srv://',
    )
  }
  const toxiproxyUrl = looking.url('toxiproxy.url', toxiproxy?.url)
  const prometheusUrl = looking.url('prometheus', given.prometheus)
  const gitStorage = looking.path('git_storage', given.git_storage, 'folder')
  const outboxFile = looking.path('outbox_file', given.outbox_file, 'file')
  const source = looking.path('source', given.source, 'folder')
  const jwtSecret =
    given.jwt_secret_file === undefined
      ? undefined
      : looking.secret('jwt_secret', given.jwt_secret_file, undefined, 'secret')
  if (logs?.file !== undefined && logs.command !== undefined) {
    looking.say('logs', 'has both a file and a command', 'give one of them')
  }
  if (logs !== undefined && logs.file === undefined && logs.command === undefined) {
    looking.say('logs', 'has neither a file nor a command', 'give one of them')
  }
  const logFile = looking.path('logs.file', logs?.file, 'file')
  const logWords = await looking.program('logs.command', logs?.command)
  const hooks: Partial<Record<HookName, HookOptions>> = {}
  for (const [hook, { command, timeout_s }] of Object.entries(given.hooks ?? {})) {
    const words = await looking.program(`hooks.${hook}.command`, command)
    if (words) hooks[hook as HookName] = { words, timeout_s: timeout_s ?? HOOK_TIMEOUT_S }
  }
  const consentHost = looking.text('consent.host', given.consent?.host)
  if (consentHost !== undefined && /[/@\s]/.test(consentHost)) {
    looking.say(
      'consent.host',
      'is not a host',
      'give the host alone, as it stands in the URL: conman.example or conman.example:8443',
    )
  }
  const ca = caFile === undefined ? undefined : looking.certificates('ca_file', caFile)
  return urlOptions({
    ...(name === undefined ? {} : { name }),
    baseUrl: baseUrl ?? '',
    adminEmail: admin.email,
    adminPassword: adminPassword ?? '',
    ...(ca === undefined || caFile === undefined ? {} : { ca: { file: caFile, pem: ca } }),
    repos: given.repos ?? [],
    ...(uri === undefined ? {} : { mongo: { uri, database: mongo?.database ?? 'conman' } }),
    ...(gitStorage === undefined ? {} : { gitStorage }),
    ...(toxiproxyUrl === undefined ? {} : { toxiproxy: { url: toxiproxyUrl, proxies: toxiproxy?.proxies ?? {} } }),
    ...(prometheusUrl === undefined ? {} : { prometheusUrl }),
    ...(logFile === undefined ? {} : { logs: { kind: 'file', file: logFile } }),
    ...(logWords === undefined ? {} : { logs: { kind: 'command', words: logWords } }),
    ...(outboxFile === undefined ? {} : { outboxFile }),
    ...(source === undefined ? {} : { source }),
    ...(jwtSecret === undefined ? {} : { jwtSecret }),
    hooks,
    ...(consentHost === undefined ? {} : { consentHost }),
    load: given.load ?? {},
    givenBy: looking.givenBy,
  })
}

async function commandOf(given: CommandTarget, looking: Looking, name: string | undefined): Promise<TargetOptions> {
  const words = typeof given.command === 'string' ? looking.words('command', given.command) : given.command
  const { command, args } = words === undefined ? NO_PROGRAM : await looking.server('command', words)
  const secrets: Record<string, string> = {}
  for (const [variable, file] of Object.entries(given.secret_files ?? {})) {
    if (given.env?.[variable] !== undefined) {
      looking.say(`secret_files.${variable}`, 'stands in env too', 'give it once')
    }
    secrets[variable] = looking.secretFile(`secret_files.${variable}`, file, 'value') ?? ''
  }
  const source = looking.path('source', given.source, 'folder')
  return commandOptions({
    ...(name === undefined ? {} : { name }),
    command,
    args,
    env: { ...given.env, ...secrets },
    secrets: Object.values(secrets),
    ...(given.mongo_path === undefined ? {} : { mongoPath: given.mongo_path }),
    ...(source === undefined ? {} : { source }),
  })
}

const NO_PROGRAM = { command: '', args: [] }
