// Which paths may stand in a tree. Paths are their bytes as latin1, so any bytes survive and sort as git sorts them.

export type PathFault = 'empty' | 'absolute' | 'traversal' | 'git-directory' | 'invalid' | 'long'

/** Linux's PATH_MAX: what nobody could check out. */
const PATH_BYTES_MAX = 4096

/** A path that may be written; otherwise what is wrong with it. */
export function pathFault(path: string): PathFault | undefined {
  if (path === '') return 'empty'
  if (path.length > PATH_BYTES_MAX) return 'long'
  if (path.startsWith('/')) return 'absolute'
  if (path.includes('\0')) return 'invalid'
  const components = path.split('/')
  if (components.includes('..')) return 'traversal'
  if (components.some((component) => component === '' || component === '.')) return 'invalid'
  // Where a backslash separates directories, what follows one is a name too.
  if (components.some((component) => component.split('\\').some(isGitDirectory))) return 'git-directory'
  return undefined
}

/** What some file system takes for `.git`: any case, NTFS's short name and ignored endings, HFS+'s ignored characters. */
function isGitDirectory(component: string): boolean {
  const text = Buffer.from(component, 'latin1').toString('utf8')
  const visible = text.replace(/[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g, '')
  return /^(\.git|git~1)[ .]*(:.*)?$/is.test(visible)
}
