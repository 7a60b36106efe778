// What a 429 must look like (data-and-runtime §6.6, http-api §1.4, decisions ‘429’). Pure; for k6 and for tests.

export interface Refusal {
  headers: Readonly<Record<string, string>>
  body: string
  /** Seconds since the epoch, by the clock of whoever asks. */
  now_s: number
}

/** A window of the specified limits, and what two clocks may differ by. */
const RESET_AHEAD_S_MAX = 60 + 60

/** What is wrong with it, in a few words of which there are only few; empty: nothing. */
export function misshapen({ headers, body, now_s }: Refusal): string {
  const named = lowerCased(headers)
  if (!/^application\/json\b/i.test(named['content-type'] ?? '')) return 'it is no JSON by its content type'
  const error = errorIn(body)
  if (error === undefined) return 'its body is no error envelope'
  if (error.code !== 'rate_limited') return 'its code is not rate_limited'
  if (typeof error.message !== 'string' || error.message === '') return 'it has no message'
  if (!named['x-request-id']) return 'it has no x-request-id'
  if (error.request_id !== named['x-request-id']) return 'its request_id is not that of the header'
  const [limit, remaining, reset] = ['limit', 'remaining', 'reset'].map((name) =>
    wholeNumber(named[`x-ratelimit-${name}`]),
  )
  if (limit === undefined || limit < 1) return 'it has no X-RateLimit-Limit'
  if (remaining !== 0) return 'its X-RateLimit-Remaining is not 0'
  if (reset === undefined || Math.abs(reset - now_s) > RESET_AHEAD_S_MAX)
    return 'its X-RateLimit-Reset is no moment of this window'
  return ''
}

/** Retry-After in whole seconds, as far ahead as a window is long. */
export function saysWhen({ headers }: Pick<Refusal, 'headers'>): boolean {
  const seconds = wholeNumber(lowerCased(headers)['retry-after'])
  return seconds !== undefined && seconds >= 1 && seconds <= RESET_AHEAD_S_MAX
}

/** Requests a window, as it says; 0 where it does not. */
export function limitTold({ headers }: Pick<Refusal, 'headers'>): number {
  return wholeNumber(lowerCased(headers)['x-ratelimit-limit']) ?? 0
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text.trim()) ? Number(text) : undefined
}

function errorIn(body: string): { code?: unknown; message?: unknown; request_id?: unknown } | undefined {
  try {
    const { error } = JSON.parse(body) as { error?: unknown }
    return typeof error === 'object' && error !== null ? error : undefined
  } catch {
    return undefined
  }
}
