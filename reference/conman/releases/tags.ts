/** Tags of releases: `rYYYY.MM.DD.N`, the UTC day of creation and a number that grows within it. */

/** What the tags of a day begin with. */
export function tagPrefix(day: Date): string {
  return `r${day.toISOString().slice(0, 10).replaceAll('-', '.')}.`
}

/** The tag after the highest of these; numbers are compared as numbers, and what is none does not count. */
export function nextTag(prefix: string, taken: readonly string[]): string {
  const numbers = taken
    .filter((tag) => tag.startsWith(prefix))
    .map((tag) => tag.slice(prefix.length))
    .filter((text) => /^[1-9]\d{0,8}$/.test(text))
    .map(Number)
  return `${prefix}${Math.max(0, ...numbers) + 1}`
}
