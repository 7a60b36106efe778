/** What a commit of a workspace says. */
import { validation } from '../http/errors.ts'

const MAX_LENGTH = 10_000

/** The caller's own words, or the fallback where there are none. */
export function commitMessage(given: string | undefined, fallback: string): string {
  const message = given?.trim() || fallback
  if (message.length > MAX_LENGTH) throw validation(`message must be at most ${MAX_LENGTH} characters long`)
  if (message.includes('\0')) throw validation('message must not contain NUL')
  return message
}
