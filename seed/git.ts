// Git as the seed uses it: in repositories that are ours to write, without what somebody's own configuration says.

import { spawn } from 'node:child_process'
import { Readable } from 'node:stream'
import { HarnessError } from '../harness/errors.ts'

/** What git printed. Anything but exit code 0 is an error. */
export async function runGit(
  program: string,
  args: readonly string[],
  input: string | Iterable<string> = '',
): Promise<string> {
  const child = spawn(program, [...args], {
    env: { PATH: process.env.PATH, LC_ALL: 'C', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(0, 4_000)
  })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  child.on('error', (cause) =>
    reject(new HarnessError(`git cannot be run: ${cause.message}`, 'run `./readiness doctor`')),
  )
  child.on('close', (code) => {
    if (code === 0) resolve(stdout)
    else reject(new HarnessError(`git ${args.join(' ')} ended with ${code}: ${stderr.trim()}`, 'see its message'))
  })
  // A git that ends early closes its input; its exit code tells why.
  child.stdin.on('error', () => {})
  // A whole repository is larger than what git takes at once: it is written as git reads it.
  Readable.from(typeof input === 'string' ? [input] : input).pipe(child.stdin)
  return promise
}

/** A blob, or a message, as `git fast-import` takes it. */
export function importData(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}\n`
}

/** The tip of every branch, by its short name. */
export async function branchTips(program: string, directory: string): Promise<Map<string, string>> {
  const listed = await runGit(program, [
    '--git-dir',
    directory,
    'for-each-ref',
    '--format=%(objectname) %(refname:lstrip=2)',
    'refs/heads',
  ])
  return new Map(
    listed
      .split('\n')
      .filter((line) => line !== '')
      .map((line): [string, string] => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]),
  )
}
