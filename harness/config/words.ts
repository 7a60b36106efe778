// Splits a text into words as a shell would, without a shell: quotation marks hold words together, and nothing else has a
// meaning: no variables, no globs, no pipes.

import { parseArgsStringToArgv } from 'string-argv'

export const UNCLOSED = 'has a quotation mark that is not closed'

/** Undefined when a quotation mark is not closed. */
export function splitWords(text: string): string[] | undefined {
  let open: string | undefined
  for (const letter of text) {
    if (open === undefined && (letter === '"' || letter === "'")) open = letter
    else if (letter === open) open = undefined
  }
  return open === undefined ? parseArgsStringToArgv(text) : undefined
}
