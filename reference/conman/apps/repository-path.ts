/** Where a repository may lie: a relative path inside the backend's storage, made of plain components. */
import { validation } from '../http/errors.ts'

const COMPONENT = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/
const MAX_LENGTH = 255

export function requireRepositoryPath(path: string): void {
  const plain =
    path.length <= MAX_LENGTH && path.split('/').every((part) => COMPONENT.test(part) && !part.includes('..'))
  if (!plain) {
    throw validation('repo_path must be a relative path of letters, digits, ., - and _, without .. and leading dots')
  }
}
