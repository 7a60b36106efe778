/** Paths inside a repository: which ones are paths at all, and which ones an app keeps from being edited. */
import { forbidden, validation } from '../http/errors.ts'

const MAX_BYTES = 1024
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it finds
const CONTROL = /[\x00-\x1f\x7f]/

/** The path to use for what a caller gave; the empty one is the root. */
export function normalisePath(given: string): string {
  const path = given.trim()
  if (path === '' || path === '/') return ''
  if (path.includes('..')) throw validation('path must not contain ..')
  if (path.startsWith('/')) throw validation('path must be relative')
  if (CONTROL.test(path) || path.includes('\\'))
    throw validation('path must not contain control characters or backslashes')
  if (Buffer.byteLength(path) > MAX_BYTES) throw validation(`path must be at most ${MAX_BYTES} bytes long`)
  const parts = path.split('/')
  if (parts.some((part) => part === '' || part === '.')) throw validation('path must not have empty or . parts')
  return path
}

/** As above, for a file that is written or deleted. */
export function normaliseFilePath(given: string): string {
  const path = normalisePath(given)
  if (path === '') throw validation('path must name a file')
  return path
}

/**
 * Refuses what the app blocks, whatever its case: on some file systems `.GIT` is `.git`. A `.git` at any depth is refused
 * without being listed, and so are the spellings that such file systems take for it.
 */
export function requireEditable(path: string, blockedPaths: readonly string[]): void {
  const folded = path.toLowerCase()
  const asGit = (part: string) => /^(\.git|git~\d+)[. ]*$/.test(part)
  if (folded.split('/').some(asGit) || blockedPaths.some((pattern) => blocks(pattern.toLowerCase(), folded))) {
    throw forbidden('this path must not be edited')
  }
}

/** `x/**` blocks x and what is below it; any other pattern blocks the path that it equals. */
function blocks(pattern: string, path: string): boolean {
  if (!pattern.endsWith('/**')) return pattern === path
  const directory = pattern.slice(0, -'/**'.length)
  return path === directory || path.startsWith(`${directory}/`)
}
