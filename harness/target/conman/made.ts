// What the client makes on a target, told to whoever keeps the list of it.

export type MadeKind =
  | 'app'
  | 'user'
  | 'invite'
  | 'member'
  | 'environment'
  | 'profile'
  | 'workspace'
  | 'changeset'
  | 'comment'
  | 'release'
  | 'deployment'
  | 'temp-env'

/**
 * Told with `intent` before a request is sent that makes something, and once more after its answer: `made`, or `refused`
 * by an answer of 4xx. Where no answer came, or one of 5xx, nothing follows the intent: it may have been made.
 */
export interface Made {
  kind: MadeKind
  /** Name, e-mail or title; null where it has none, such as a release before its tag is known. */
  name: string | null
  /** Null with `intent`, and where the answer did not tell. */
  id: string | null
  app_id: string | null
  phase: 'intent' | 'made' | 'refused'
}
