// Who did something and when, as commits and tags hold it: `Name <address> seconds offset`.

/** Parts as latin1 text of their bytes, so that any bytes survive. */
export interface Signature {
  name: string
  email: string
  seconds: number
  offset: string
}

/** Git's format has no escapes: what would end a field early is left out. */
export function cleanIdentity(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is one of what must go
  return text.replace(/[\x00\r\n<>]/g, '').trim()
}

export function formatSignature({ name, email, seconds, offset }: Signature): string {
  return `${name} <${email}> ${seconds} ${offset}`
}

export function parseSignature(text: string): Signature {
  const match = /^(.*?) ?<(.*)> (-?\d+) ([+-]\d{4})$/s.exec(text)
  if (!match) return { name: text, email: '', seconds: 0, offset: '+0000' }
  return { name: match[1]!, email: match[2]!, seconds: Number(match[3]), offset: match[4]! }
}

const formatters = new Map<string, Intl.DateTimeFormat>()

/** The zone's offset from UTC at that moment, such as `+0200`. Undefined: there is no such zone. */
export function timezoneOffset(timezone: string, seconds: number): string | undefined {
  if (timezone === '' || timezone === 'UTC') return '+0000'
  let formatter = formatters.get(timezone)
  if (!formatter) {
    try {
      formatter = new Intl.DateTimeFormat('en-US', { timeZone: timezone, timeZoneName: 'longOffset' })
    } catch {
      return undefined
    }
    formatters.set(timezone, formatter)
  }
  const name = formatter.formatToParts(seconds * 1000).find((part) => part.type === 'timeZoneName')?.value ?? ''
  const match = /^GMT(?:([+-]\d\d):(\d\d))?/.exec(name)
  return match?.[1] ? `${match[1]}${match[2]}` : '+0000'
}
