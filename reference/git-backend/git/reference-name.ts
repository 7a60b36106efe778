// Which names references may have: the rules of `git check-ref-format`, and room for the file that holds one.

/** A file's name has at most 255 bytes on the usual file systems, and git locks a reference in `<name>.lock`. */
const COMPONENT_BYTES_MAX = 250

const NAME_BYTES_MAX = 1024

/** Spaces, control characters and what git's revision syntax uses. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const FORBIDDEN = /[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{/

/** Whether a full name (its bytes as latin1) is one that git accepts. */
export function isReferenceName(name: string): boolean {
  if (!name.startsWith('refs/') || name.length > NAME_BYTES_MAX || FORBIDDEN.test(name) || name.endsWith('.'))
    return false
  return name
    .split('/')
    .every(
      (part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock') && part.length <= COMPONENT_BYTES_MAX,
    )
}

/** Whether a short name can be a branch or a tag. Like `git branch`, it refuses what looks like an option, and HEAD. */
export function isShortName(name: string): boolean {
  return !name.startsWith('-') && name !== 'HEAD' && isReferenceName(`refs/heads/${name}`)
}
