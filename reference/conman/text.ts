/** Cutting text to a size without breaking a character. */

/** At most `maxBytes` of UTF-8; what was cut is replaced by `…`, which is not counted. */
export function cutBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= maxBytes) return text
  let end = maxBytes
  // A byte that continues a character is not a place to cut before.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return `${bytes.subarray(0, end).toString()}…`
}
