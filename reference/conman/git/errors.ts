/** What a failure of the git backend means to the caller. Backend texts stay in the log: they name hosts and paths. */
import { status } from '@grpc/grpc-js'
import { ApiError } from '../http/errors.ts'
import { GitError, GitTimeout } from './call.ts'

export function gitErrorToApi(error: GitError | GitTimeout): ApiError {
  if (error instanceof GitTimeout) {
    return new ApiError('git_timeout', 'git error: the git backend did not answer in time', { cause: error })
  }
  switch (error.code) {
    case status.NOT_FOUND:
      return new ApiError('not_found', 'not found: no such object in the repository', { cause: error })
    case status.ALREADY_EXISTS:
    case status.FAILED_PRECONDITION:
      return new ApiError('conflict', 'conflict: the repository is not in the expected state', { cause: error })
    case status.INVALID_ARGUMENT:
      return new ApiError('validation_error', 'validation: the git backend refused the request', { cause: error })
    case status.PERMISSION_DENIED:
      return new ApiError('forbidden', 'forbidden: the git backend refused the request', { cause: error })
    default:
      return new ApiError('git_error', `git error: gRPC ${camelCase(status[error.code] ?? 'UNKNOWN')}`, {
        cause: error,
      })
  }
}

export function isGitStatus(error: unknown, ...codes: number[]): error is GitError {
  return error instanceof GitError && codes.includes(error.code)
}

function camelCase(name: string): string {
  return name
    .toLowerCase()
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('')
}
