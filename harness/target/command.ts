// Any Conman program, started on a stack of our own by its command line and its variables alone. What it does not let us
// reach, its help and its connections tell: nothing is asked of the user that can be seen.

import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MongoClient } from 'mongodb'
import { ALL_CAPABILITIES, type Capability } from '../capabilities.ts'
import { HarnessError, UsageError } from '../errors.ts'
import { Redactor, secretsIn } from '../evidence/redact.ts'
import { quoteWords } from '../quoting.ts'
import { STACK_VARIABLES } from '../stack/conman.ts'
import { locateProgram, rolesByHelp } from '../stack/conman-program.ts'
import type { Stack } from '../stack/stack.ts'
import { waitFor } from '../stack/wait-for.ts'
import type { HttpClient } from './http.ts'
import type { Opening } from './open.ts'
import type { CommandOptions } from './options.ts'
import { openOwnStack, UNREACHABLE_ON_OWN_STACK, UNTHROTTLED, unreachableEffects } from './own-stack.ts'
import type { Prospect } from './prospect.ts'
import type { Target } from './target.ts'

/** Also the limit that only the real server has: 200 requests a second of all its users together (http-api §1.10). */
const UNTHROTTLED_ANYWHERE = { ...UNTHROTTLED, CONMAN_HTTP_RATE_LIMIT_PER_SECOND: '1000000' }

/** A worker that writes mails at all looks for them every second or so. */
const MAIL_WITHIN_MS = 5_000

export async function openCommand(options: CommandOptions, opening: Opening): Promise<Target> {
  demandNothingOfTheStacks(options)
  const { command, args, mongoPath, source } = options
  return await openOwnStack(
    {
      kind: 'command',
      address: addressOf(options),
      program: { command, args, roles: 'by-help', ...(mongoPath === undefined ? {} : { mongoPath }) },
      env: { ...UNTHROTTLED_ANYWHERE, ...options.env },
      secrets: secretsOf(options),
      ...(source === undefined ? {} : { source }),
      logsOfFailedStartIn: join(process.env.READINESS_TMP ?? tmpdir(), `conman-logs-${randomBytes(4).toString('hex')}`),
      async unreachable(stack, { mongo, http }) {
        await demandItsDatabase(stack, mongo)
        return new Map<Capability, string>([
          ...unreachableBeforehand(source),
          ...(stack.conman.mongoPath === 'direct' ? [DIRECT] : []),
          ...(await unreachableOutbox(stack, http)),
        ])
      },
    },
    opening,
  )
}

/** What can be said of it before it is started: only its help is asked, far from any database. */
export async function lookAtCommand(options: CommandOptions, signal: AbortSignal): Promise<Prospect> {
  demandNothingOfTheStacks(options)
  const { command, args } = await locateProgram(options)
  const cwd = await mkdtemp(join(tmpdir(), 'conman-help-'))
  await using _ = { [Symbol.asyncDispose]: () => rm(cwd, { recursive: true, force: true }) }
  const processes = await rolesByHelp({ command, args, env: { ...NOWHERE, ...options.env }, cwd, signal })
  const unreachable = new Map<Capability, string>([
    ...UNREACHABLE_ON_OWN_STACK,
    ...unreachableBeforehand(options.source),
    ...unreachableEffects(options.env),
    ...(options.mongoPath === 'direct' ? [DIRECT] : []),
  ])
  return {
    kind: 'command',
    address: addressOf(options),
    capabilities: new Set(ALL_CAPABILITIES.filter((one) => !unreachable.has(one))),
    unreachable,
    processes,
    allowed: 'disrupts',
    loadBounds: undefined,
  }
}

/** For a program that takes the question for an order, and serves: nothing of the user's may be found by a default. */
const NOWHERE = { CONMAN_HOST: '127.0.0.1', CONMAN_PORT: '1', CONMAN_MONGO_URI: 'mongodb://127.0.0.1:1' }

const DIRECT = [
  'mongo-partition',
  'its MongoDB driver does not take the proxy of its connection string, and connects to the members themselves',
] as const

function unreachableBeforehand(source: string | undefined): [Capability, string][] {
  return source === undefined ? [['source', 'no folder was named']] : []
}

/** With another database or address the program would not stand on the stack that is judged. */
function demandNothingOfTheStacks({ env }: CommandOptions): void {
  const taken = STACK_VARIABLES.filter((name) => name in env)
  if (taken.length === 0) return
  throw new UsageError(
    `${taken.join(', ')} cannot be given to a program that the harness starts: the stack sets ${taken.length === 1 ? 'it' : 'them'}`,
    'take it out of env; to judge a Conman on what it stands on elsewhere, aim at it with CONMAN_BASE_URL',
  )
}

/** The account stands in the stack's database, or else in another, and every look into ours would prove nothing. */
async function demandItsDatabase(stack: Stack, mongo: MongoClient): Promise<void> {
  const users = mongo.db(stack.databaseName).collection('users')
  if ((await users.countDocuments({ email: stack.adminEmail })) === 1) return
  throw new UsageError(
    `bootstrap-admin ended well, but the database of the stack has no user ${stack.adminEmail}: the program uses another one`,
    'let it take CONMAN_MONGO_URI and CONMAN_MONGO_DB as they are given to it',
  )
}

/** The variable that names the file is not part of Conman's specification: a mail that would go out shows who knows it. */
async function unreachableOutbox(stack: Stack, http: HttpClient): Promise<[Capability, string][]> {
  await http.request('POST', '/api/auth/forgot-password', { body: { email: stack.adminEmail } })
  const written = () => existsSync(stack.outboxFile) && statSync(stack.outboxFile).size > 0
  try {
    await waitFor(written, { what: 'a mail', within_ms: MAIL_WITHIN_MS })
    return []
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error
    return [
      ['outbox', `no mail stood in CONMAN_OUTBOX_FILE within ${MAIL_WITHIN_MS / 1_000} s of a forgotten password`],
    ]
  }
}

/** The command as it was given, for people. */
function addressOf(options: CommandOptions): string {
  const redactor = new Redactor()
  redactor.add(...secretsOf(options))
  return redactor.text(quoteWords([options.command, ...options.args]))
}

function secretsOf({ args, secrets }: CommandOptions): string[] {
  return [...secrets, ...secretsInWords(args)]
}

/** `env API_TOKEN=… conman`, `--api-token=…`: the command is part of what is written of a run. */
function secretsInWords(words: readonly string[]): string[] {
  const assigned = words.flatMap((word) => {
    const [, name, value] = /^-*([\w-]+)=(.+)$/s.exec(word) ?? []
    return name === undefined || value === undefined ? [] : [[name.replaceAll('-', '_'), value] as const]
  })
  return assigned.flatMap(([name, value]) => secretsIn({ [name]: value }))
}
