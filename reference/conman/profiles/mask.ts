/** What may be seen of a secret by whoever may see that there is one. */

/** Shown in place of a secret that no configured key opens. */
const UNREADABLE = '****'

export function maskSecret(secret: string | undefined): string {
  if (secret === undefined) return UNREADABLE
  const characters = [...secret]
  const end = characters.slice(-4).join('')
  if (characters.length <= 4) return '*'.repeat(characters.length)
  if (characters.length <= 8) return '*'.repeat(characters.length - 4) + end
  return `${characters.slice(0, 4).join('')}***${end}`
}

export function maskSecrets(secrets: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [name, maskSecret(secret)]))
}
