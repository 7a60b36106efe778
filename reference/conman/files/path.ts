/** Paths inside a repository: which ones are paths at all, and which ones an app keeps from being edited. */
import { forbidden, validation } from '../http/errors.ts'

const MAX_BYTES = 1024
/** What file systems take for one name: a longer one could not be checked out. */
const MAX_NAME_BYTES = 255
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it finds
const CONTROL = /[\x00-\x1f\x7f]/
/** Characters that some file systems leave out when they compare names. */
const IGNORED = /[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u00ad]/g

/** The path to use for what a caller gave; the empty one is the root. */
export function normalisePath(given: string): string {
  const path = given.trim()
  if (path === '' || path === '/') return ''
  if (path.includes('..')) throw validation('path must not contain ..')
  if (path.startsWith('/')) throw validation('path must be relative')
  if (CONTROL.test(path) || path.includes('\\') || !path.isWellFormed()) {
    throw validation('path must be text without control characters and backslashes')
  }
  if (Buffer.byteLength(path) > MAX_BYTES) throw validation(`path must be at most ${MAX_BYTES} bytes long`)
  const parts = path.split('/')
  if (parts.some((part) => part === '' || part === '.')) throw validation('path must not have empty or . parts')
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)) {
    throw validation(`path must not have parts of more than ${MAX_NAME_BYTES} bytes`)
  }
  return path
}

/** As above, for a file that is written or deleted. */
export function normaliseFilePath(given: string): string {
  const path = normalisePath(given)
  if (path === '') throw validation('path must name a file')
  return path
}

/** Refuses what the app blocks, and a `.git` at any depth without being told, in all the spellings that mean the same. */
export function requireEditable(path: string, blockedPaths: readonly string[]): void {
  const folded = fold(path)
  const asGit = (part: string) => /^(\.git|git~\d+)$/.test(part)
  if (folded.split('/').some(asGit) || blockedPaths.some((pattern) => blocks(fold(pattern), folded))) {
    throw forbidden('this path must not be edited')
  }
}

/**
 * A path as the most forgiving file system sees it: `.GIT`, `.git.`, `.git:stream` and `.g\u200cit` are all `.git` to one of
 * them, and a composed letter is its decomposed form.
 */
function fold(path: string): string {
  const plain = path.replace(IGNORED, '').normalize('NFKC').toLowerCase()
  return plain
    .split('/')
    .map((part) => part.replace(/:.*$/, '').replace(/[. ]+$/, ''))
    .join('/')
}

/** `x/**` blocks x and what is below it; any other pattern blocks the path that it equals. */
function blocks(pattern: string, path: string): boolean {
  if (!pattern.endsWith('/**')) return pattern === path
  const directory = pattern.slice(0, -'/**'.length)
  return path === directory || path.startsWith(`${directory}/`)
}
