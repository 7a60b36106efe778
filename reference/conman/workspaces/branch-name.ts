/**
 * Which branch names a caller may choose (S25): those that git accepts and that mean nothing to a shell, to git's revision
 * syntax or to Conman itself.
 */
import type { ObjectId } from 'mongodb'
import { validation } from '../http/errors.ts'

const COMPONENT = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/
const MAX_LENGTH = 200
const RESERVED_FIRST = new Set(['refs', 'conman', 'temp'])

/** Why a name is refused, or undefined when it may be used. */
export function branchNameProblem(name: string): string | undefined {
  if (name.length === 0 || name.length > MAX_LENGTH) return `must be 1 to ${MAX_LENGTH} characters long`
  if (name.includes('..')) return 'must not contain ..'
  if (/^[0-9a-f]{40}$/i.test(name)) return 'must not look like a commit'
  const components = name.split('/')
  if (!components.every((part) => COMPONENT.test(part))) {
    return 'may have letters, digits, ., -, _ and /, with no part empty or beginning with - or .'
  }
  if (components.some((part) => part.endsWith('.') || part.toLowerCase().endsWith('.lock'))) {
    return 'must have no part that ends in . or .lock'
  }
  return undefined
}

export function requireBranchName(field: string, name: string): void {
  const problem = branchNameProblem(name)
  if (problem !== undefined) throw validation(`${field} ${problem}`)
}

/** A workspace's branch is moved by every edit, so it must be nobody else's: not the integration branch, not Conman's own. */
export function requireWorkspaceBranchName(name: string, integrationBranch: string, ownerId: ObjectId): void {
  requireBranchName('branch_name', name)
  const [first = '', second = ''] = name.split('/')
  if (name === integrationBranch) throw validation('branch_name must not be the integration branch')
  // A branch of this name would leave no room for those of workspaces, which lie below it.
  const inTheWay = /^ws(\/[0-9a-f]{24})?$/.test(name)
  if (name === 'HEAD' || inTheWay || RESERVED_FIRST.has(first)) throw validation('branch_name is reserved')
  const anotherUsers = first === 'ws' && /^[0-9a-f]{24}$/.test(second) && second !== ownerId.toHexString()
  if (anotherUsers) throw validation('branch_name belongs to another user')
}

/** `ws/<user id>/<app name>`, lower-cased, with everything but letters and digits as a dash. */
export function defaultBranchName(ownerId: ObjectId, appName: string): string {
  return `ws/${ownerId.toHexString()}/${appName.replaceAll(/[^A-Za-z0-9]/g, '-').toLowerCase()}`
}
