// Which Conman a command is aimed at: --target or the file's default, or variables, or, with nothing said, the bundled
// one. Two aims at once are refused: nobody may find out afterwards which of them was meant.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { referenceOptions, type TargetOptions } from '../target/options.ts'
import { type Complaint, type Source, sentence, usageError } from './complaint.ts'
import { examine } from './examine.ts'
import { type LoadedFile, loadFile, sourceOfTarget, targetOf } from './file.ts'
import { CONFIG_FILE } from './schema.ts'
import {
  AIMING,
  COMMAND_VARIABLES,
  misspelled,
  targetOfVariables,
  textOf,
  URL_VARIABLES,
  unused,
  type Variable,
} from './variables.ts'

export interface AimInput {
  /** --target */
  target: string | undefined
  /** --config */
  config: string | undefined
  /** --defect */
  defect?: string | undefined
}

export interface Aim {
  options: TargetOptions
  /** Lines that the user should see before anything runs. */
  notes: string[]
}

const NONE: readonly Variable[] = []

/** Reads what the user gave, and nothing but files of this machine. Throws one clear line when it cannot be used. */
export async function aim(input: AimInput, env: NodeJS.ProcessEnv, cwd: string): Promise<Aim> {
  const variable = aimingVariable(input, env)
  const file = variable === undefined ? fileFor(input, cwd) : undefined
  const name = input.target ?? file?.config?.default
  if (variable === undefined && (name === undefined || name === 'reference')) {
    const because = 'the target is the bundled Conman'
    const options = referenceOptions(input.defect === undefined ? {} : { defect: input.defect })
    return { options, notes: [...misspelled(env), ...unused(env, NONE, because), ...withoutDefault(file, name)] }
  }
  if (input.defect !== undefined) {
    throw new UsageError(
      '--defect needs the bundled Conman',
      variable === undefined
        ? 'give --target reference: nobody seeds a defect into your server'
        : `unset ${variable}: nobody seeds a defect into your server`,
    )
  }
  return variable === undefined ? await ofFile(file!, name!, env) : await ofVariables(variable, env, cwd)
}

/** The variable that aims, if one does. */
function aimingVariable(input: AimInput, env: NodeJS.ProcessEnv): string | undefined {
  const [first, second] = AIMING.filter((name) => textOf(env, name) !== undefined)
  if (first !== undefined && second !== undefined) {
    throw new UsageError(`two aims: ${first} and ${second} are both set`, `unset one of them`)
  }
  const flag = input.target !== undefined ? '--target' : input.config !== undefined ? '--config' : undefined
  if (first !== undefined && flag !== undefined) {
    throw new UsageError(`two aims: ${flag}, and ${first} in the environment`, `leave out ${flag}, or unset ${first}`)
  }
  return first
}

function fileFor(input: AimInput, cwd: string): LoadedFile | undefined {
  if (input.config === undefined && (input.target === 'reference' || !existsSync(join(cwd, CONFIG_FILE)))) {
    if (input.target === undefined || input.target === 'reference') return undefined
    throw new UsageError(
      `--target ${input.target}: there is no ${CONFIG_FILE} in this folder`,
      'give the file with --config; `./readiness config example` prints one to begin with',
    )
  }
  const file = loadFile(input.config ?? CONFIG_FILE, cwd)
  if (file.complaints.length > 0) throw errorOf(file.complaints, file.source)
  return file
}

async function ofFile(file: LoadedFile, name: string, env: NodeJS.ProcessEnv): Promise<Aim> {
  const given = targetOf(file, name)
  const source = sourceOfTarget(file.source, name)
  const consent = textOf(env, 'CONMAN_CONSENT_HOST')
  const { options, complaints } = await examine(given, source, env, name)
  if (options === undefined) throw errorOf(complaints, source)
  // Consent may be typed for this one command instead of standing in the file for every one.
  if (options.kind === 'url' && consent !== undefined) {
    if (options.consentHost !== undefined && options.consentHost !== consent) {
      throw new UsageError(
        `CONMAN_CONSENT_HOST and ${source.nameOf('consent.host')} name different hosts`,
        'give the consent once',
      )
    }
    options.consentHost = consent
    options.givenBy = { ...options.givenBy, 'consent.host': 'CONMAN_CONSENT_HOST' }
  }
  const used = [
    ...URL_VARIABLES.filter((one) => one.name === 'CONMAN_CONSENT_HOST' && options.kind === 'url'),
    ...URL_VARIABLES.filter((one) => JSON.stringify(given).includes(`"${one.name}"`)),
  ]
  const because = `the target ‘${name}’ stands in ${file.shown}`
  return { options, notes: [...misspelled(env), ...unused(env, used, because), ...notesOn(options)] }
}

async function ofVariables(aiming: string, env: NodeJS.ProcessEnv, cwd: string): Promise<Aim> {
  const isUrl = aiming === 'CONMAN_BASE_URL'
  const variables = isUrl ? URL_VARIABLES : COMMAND_VARIABLES
  const { target, nameOf } = targetOfVariables(env, variables)
  if (isUrl) {
    const email = demanded(env, 'CONMAN_ADMIN_EMAIL', 'the account that `bootstrap-admin` made')
    const password = 'CONMAN_ADMIN_PASSWORD'
    if (textOf(env, `${password}_FILE`) === undefined) {
      demanded(env, password, `or ${password}_FILE, a file that holds it`)
    }
    target.admin = { ...(target.admin as object), email }
    if (target.mongo !== undefined && !nameOf.has('mongo.uri_file') && !nameOf.has('mongo.uri_variable')) {
      // Conman's own processes read this variable too: alone it hands nothing over.
      delete target.mongo
    }
  }
  const named: Source = {
    nameOf: (key) => nameOf.get(key) ?? [...nameOf].find(([one]) => one.startsWith(`${key}.`))?.[1] ?? key,
    placeOf: () => '',
    folder: cwd,
  }
  const { options, complaints } = await examine({ kind: isUrl ? 'url' : 'command', ...target }, named, env)
  if (options === undefined) throw errorOf(complaints, named)
  const because = `the target is ${isUrl ? 'a URL' : 'a program'} (${aiming})`
  return { options, notes: [...misspelled(env), ...unused(env, variables, because), ...notesOn(options)] }
}

function demanded(env: NodeJS.ProcessEnv, name: string, what: string): string {
  const value = textOf(env, name)
  if (value !== undefined) return value
  throw new UsageError(`CONMAN_BASE_URL is set, but ${name} is not`, `set ${name}: ${what}`)
}

function errorOf(complaints: readonly Complaint[], source: Source): UsageError {
  return usageError(
    complaints.map((one) => ({ line: sentence(one, source), remedy: one.remedy })),
    '`./readiness config check` lists them all',
  )
}

/** What is allowed and yet worth a line. */
function notesOn(options: TargetOptions): string[] {
  if (options.kind !== 'url') return []
  const { protocol, hostname } = new URL(options.baseUrl)
  const loopback = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
  return protocol === 'http:' && !loopback
    ? [`${options.baseUrl} is not encrypted: the admin’s password goes over the network in clear`]
    : []
}

function withoutDefault(file: LoadedFile | undefined, name: string | undefined): string[] {
  return file?.config === undefined || name !== undefined
    ? []
    : [
        `${file.shown} names no default: the target is the bundled Conman; --target takes ${Object.keys(file.config.targets).join(', ')}`,
      ]
}
