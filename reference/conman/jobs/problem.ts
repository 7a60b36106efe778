/** What a job's error says to the members of its app. */
import { MongoError } from 'mongodb'
import { GitError, GitTimeout } from '../git/call.ts'
import { toApiError } from '../http/error-handler.ts'

/** Texts of drivers, of the git backend and of programming mistakes name hosts, paths and documents: they stay in the log. */
const INWARD = [MongoError, GitError, GitTimeout, TypeError, RangeError, ReferenceError, SyntaxError]

export function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  return INWARD.some((kind) => error instanceof kind) ? toApiError(error).message : error.message
}
