/** Limits that several features share. */
import { validation } from '../http/errors.ts'

const MAX_TITLE_LENGTH = 500

export function requireTitle(title: string): void {
  if (title.length > MAX_TITLE_LENGTH) throw validation(`title must be at most ${MAX_TITLE_LENGTH} characters long`)
}
