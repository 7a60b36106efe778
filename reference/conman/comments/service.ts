/** Comments. */
import type { Services } from '../services.ts'

// biome-ignore lint/suspicious/noEmptyInterface: being written
export interface CommentService {}

export function createCommentService(_services: Services): CommentService {
  return {}
}
