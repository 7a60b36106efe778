/**
 * Text that others have written, made fit for one line of a mail: a title with a line break in it must not begin another
 * header of the mail, or another line of its text.
 */
import { cutBytes } from '../text.ts'

/** A line of a mail has at most 998 bytes (RFC 5322); this leaves room for a header's name and for encoding. */
const MAX_BYTES = 300

/** Control characters and line breaks, also Unicode's own. */
const BREAKS = /[\p{Cc}\u2028\u2029]+/gu

export function oneLine(text: string): string {
  return cutBytes(text.replaceAll(BREAKS, ' ').trim(), MAX_BYTES)
}
