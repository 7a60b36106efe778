// Looks at what a user handed over, one value after the other and on this machine only: is there such a file, such a
// program, is that a URL? What is wrong is collected, so that all of it can be said at once.

import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import { reasonOf } from '../evidence/store.ts'
import { locateProgram } from '../stack/conman-program.ts'
import { findOnPath, isExecutable } from '../toolchain/path.ts'
import type { Complaint, Source } from './complaint.ts'
import { splitWords, UNCLOSED } from './words.ts'

/** Secrets are short; what is larger is another file than was meant. */
const SECRET_BYTES_MAX = 64 * 1024

export class Looking {
  readonly complaints: Complaint[] = []
  /** How each thing was given, for messages of later: by its key without the form that it came in. */
  readonly givenBy: Record<string, string> = {}
  readonly #source: Source
  readonly #env: NodeJS.ProcessEnv

  constructor(source: Source, env: NodeJS.ProcessEnv) {
    this.#source = source
    this.#env = env
  }

  say(key: string, what: string, remedy: string): void {
    this.complaints.push({ key, what, remedy })
  }

  #note(key: string, by = key): void {
    this.givenBy[key] = `${this.#source.placeOf(by)}${this.#source.nameOf(by)}`
  }

  text(key: string, text: string | undefined): string | undefined {
    if (text !== undefined) this.#note(key)
    return text
  }

  /** Without its last slash; http or https, and nothing in it that a URL of a server has no use for. */
  url(key: string, text: string | undefined): string | undefined {
    if (text === undefined) return undefined
    this.#note(key)
    const like = `like ${this.#source.nameOf(key).startsWith('CONMAN_') ? `${this.#source.nameOf(key)}=` : `${key}: `}http://127.0.0.1:3000`
    let url: URL
    try {
      url = new URL(text)
    } catch {
      this.say(key, 'is not a URL', `set it ${like}`)
      return undefined
    }
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      this.say(key, 'must begin with http:// or https://', `set it ${like}`)
      return undefined
    }
    if (url.username || url.password) {
      this.say(
        key,
        'carries credentials',
        key === 'url'
          ? 'take them out: the admin account goes into CONMAN_ADMIN_EMAIL and CONMAN_ADMIN_PASSWORD (admin.email, admin.password_file)'
          : 'take them out: the harness sends none to it',
      )
      return undefined
    }
    url.hash = ''
    url.search = ''
    return url.toString().replace(/\/+$/, '')
  }

  /** Absolute; there, and of the kind that is wanted. */
  path(key: string, text: string | undefined, wanted: 'file' | 'folder'): string | undefined {
    if (text === undefined) return undefined
    this.#note(key)
    const path = resolve(this.#source.folder, text)
    try {
      const found = statSync(path)
      if (wanted === 'folder' ? !found.isDirectory() : found.isDirectory()) {
        this.say(key, `is not a ${wanted}`, `give a ${wanted}`)
        return undefined
      }
      accessSync(path, wanted === 'folder' ? constants.R_OK | constants.X_OK : constants.R_OK)
    } catch (cause) {
      this.say(key, `cannot be read (${reasonOf(cause)})`, `give a ${wanted} that can be read from here`)
      return undefined
    }
    return path
  }

  /** Of the file or the variable that the user named: exactly one of them. `key` is what both begin with. */
  secret(key: string, file: string | undefined, variable: string | undefined, what: string): string | undefined {
    if (file !== undefined && variable !== undefined) {
      this.say(`${key}_file`, `stands beside ${key.split('.').at(-1)}_variable`, 'give one of them')
      return undefined
    }
    if (file !== undefined) {
      this.#note(key, `${key}_file`)
      return this.secretFile(`${key}_file`, file, what)
    }
    if (variable === undefined) {
      this.say(
        `${key}_file`,
        'is missing',
        `give ${key}_file, a file that holds the ${what}, or ${key}_variable, a variable that does`,
      )
      return undefined
    }
    this.#note(key, `${key}_variable`)
    const value = this.#env[variable]
    if (value !== undefined && value !== '') return value
    this.say(
      `${key}_variable`,
      `names ${variable}, which is not set`,
      `set ${variable}, or give ${key}_file, a file that holds the ${what}`,
    )
    return undefined
  }

  /** The file's content without the line break that editors put at its end. */
  secretFile(key: string, file: string, what: string): string | undefined {
    // The secret itself in the place of its file is never shown.
    const path = this.path(key, file, 'file')
    if (path === undefined) {
      this.complaints.at(-1)!.remedy = `give a file that holds nothing but the ${what}`
      return undefined
    }
    const text = statSync(path).size > SECRET_BYTES_MAX ? '' : readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    if (text === '' || /[\0\n]/.test(text)) {
      this.say(key, `does not hold one line`, `give a file that holds nothing but the ${what}`)
      return undefined
    }
    return text
  }

  certificates(key: string, path: string): string | undefined {
    const text = readFileSync(path, 'utf8')
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text
    this.say(key, 'holds no certificate', 'give certificates as PEM: they begin with -----BEGIN CERTIFICATE-----')
    return undefined
  }

  words(key: string, text: string): string[] | undefined {
    const words = splitWords(text)
    if (words === undefined) this.say(key, UNCLOSED, 'close it')
    return words
  }

  /** The words, when their first is a program that can be started from here. It is not started. */
  async program(key: string, words: readonly string[] | undefined): Promise<readonly string[] | undefined> {
    if (words === undefined) return undefined
    this.#note(key.replace(/\.command$/, ''), key)
    const [program = '', ...args] = words
    if (!program.includes('/')) {
      const path = program === '' ? undefined : await findOnPath(program, this.#env)
      if (path !== undefined) return [path, ...args]
      this.say(key, `names ${program || 'nothing'}, which is not on PATH`, 'give the path of a program')
      return undefined
    }
    const path = resolve(this.#source.folder, program)
    if (await isExecutable(path)) return [path, ...args]
    this.say(key, `names ${program}, which is not a program that may be run`, 'give the path of an executable file')
    return undefined
  }

  /** The same for what the harness starts in a folder of its own. */
  async server(key: string, [program = '', ...args]: readonly string[]): Promise<{ command: string; args: string[] }> {
    const command = program.includes('/') ? resolve(this.#source.folder, program) : program
    try {
      return await locateProgram({ command, args })
    } catch (cause) {
      if (!(cause instanceof UsageError)) throw cause
      this.say(key, `cannot be started: ${cause.message}`, cause.remedy)
      return { command, args }
    }
  }
}
