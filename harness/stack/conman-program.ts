// What can be known of a Conman program before it is started: where it is, that its words mean the same in another
// folder, and, by its help, whether it can run its API and its worker as two processes.

import { existsSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import { findOnPath, isExecutable } from '../toolchain/path.ts'
import { type ProgramResult, runProgram } from '../toolchain/run-program.ts'
import { minimalEnvironment } from './processes.ts'

export interface HelpQuestion {
  command: string
  args: readonly string[]
  /** A program that takes the question for an order and serves must find nothing but what is the stack's. */
  env: Readonly<Record<string, string>>
  cwd: string
  signal?: AbortSignal
}

/** A program prints its help at once; a Java one needs a second or two to begin. */
const HELP_WITHIN_MS = 10_000

/**
 * `split` where the help of `serve`, or else the program's own, offers `--role` with an API and a worker. A program that
 * has no help, or whose help never ends, is one process.
 */
export async function rolesByHelp(question: HelpQuestion): Promise<'split' | 'single'> {
  for (const asked of [['serve', '--help'], ['--help']]) {
    const help = await runProgram(question.command, [...question.args, ...asked], {
      within_ms: HELP_WITHIN_MS,
      env: { ...minimalEnvironment(), ...question.env },
      cwd: question.cwd,
      signal: question.signal,
    })
    if (help.failedToStart !== undefined) {
      throw new UsageError(
        `${question.command} cannot be started (${help.failedToStart})`,
        'name a program that runs on this machine; a script needs its interpreter in its first line',
      )
    }
    if (offersRoles(help)) return 'split'
    if (help.timedOut) break
  }
  return 'single'
}

/** Another program's `--role` is not ours: the two values that the stack would give must stand there too. */
function offersRoles(help: ProgramResult): boolean {
  const text = `${help.stdout}\n${help.stderr}`
  return help.code === 0 && [/--role\b/, /\bapi\b/, /\bworker\b/].every((wanted) => wanted.test(text))
}

/**
 * The program by its absolute path, for it is started in a folder of its own. A name is looked for on PATH, a path is meant
 * from where the user stands. What is not there, or may not be run, is said before anything is started.
 */
export async function locateProgram<T extends { command: string; args: readonly string[] }>(program: T): Promise<T> {
  for (const word of program.args) demandSameElsewhere(word)
  return { ...program, command: await pathOf(program.command) }
}

async function pathOf(command: string): Promise<string> {
  if (!command.includes('/')) {
    const found = await findOnPath(command, process.env)
    if (found !== undefined) return found
    throw new UsageError(`there is no program ‘${command}’ on PATH`, `give its path, such as /usr/local/bin/${command}`)
  }
  const path = isAbsolute(command) ? command : resolve(command)
  if (await isExecutable(path)) return path
  throw new UsageError(`${path} is not a program that may be run`, 'give the path of an executable file (chmod +x)')
}

/** `main.ts`, `./conman.js`: there where the user stands, and not there where the program is started. */
function demandSameElsewhere(word: string): void {
  if (isAbsolute(word) || !/[./]/.test(word) || !existsSync(word)) return
  throw new UsageError(
    `‘${word}’ is a path from here, but the program is started in an empty folder of its own`,
    `give it whole: ${resolve(word)}`,
  )
}
