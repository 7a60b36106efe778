// Which texts are taken for a revision: what git's own syntax allows, minus paths, options and searches.

const REVISION_BYTES_MAX = 1024

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const FORBIDDEN = /[\x00-\x20\x7f:\\]|\^\{\//

/** Whether a revision (its bytes as latin1) may be handed to git. It may still name nothing. */
export function isRevision(revision: string): boolean {
  return (
    revision !== '' && revision.length <= REVISION_BYTES_MAX && !revision.startsWith('-') && !FORBIDDEN.test(revision)
  )
}
