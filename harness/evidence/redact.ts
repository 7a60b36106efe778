// Secrets never reach the disk of a run: everything is redacted before it is written. Known values (the target's
// passwords, tokens, keys) are replaced wherever they occur; shapes that are secrets by their form are replaced too.

const SHAPES: readonly [RegExp, string][] = [
  // JSON web tokens: three base64url parts, the first beginning with `{"`.
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, '[redacted token]'],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, '$1 [redacted]'],
  [/\$argon2(id|i|d)\$[A-Za-z0-9+/=$,.-]+/g, '[redacted password hash]'],
  // Credentials in a URL's authority.
  [/([a-z][a-z0-9+.-]*:\/\/)([^\s/@:"']+):([^\s/@"']+)@/gi, '$1[redacted]@'],
]

/** A key whose value is a secret whatever it looks like. */
const SECRET_KEY =
  /^(password|passwd|secret|token|authorization|cookie|api[_-]?key|private[_-]?key|.*_(password|secret|token))$/i

/** A variable whose value is one, by its name: looser than above, for a value blanked without need does no harm there. */
const SECRET_VARIABLE = /PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|(^|_)KEY$|(^|_)AUTH$/i

/** Of an environment, the values that must not be written. */
export function secretsIn(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env).flatMap(([name, value]) => (SECRET_VARIABLE.test(name) ? [value] : []))
}

export class Redactor {
  readonly #known = new Set<string>()

  /** Registers a value that must not be written. Short ones are ignored: they would blank out ordinary text. */
  add(...values: (string | undefined)[]): void {
    for (const value of values) if (value !== undefined && value.length >= 8) this.#known.add(value)
  }

  text(input: string): string {
    let output = input
    for (const value of this.#known) {
      output = output.replaceAll(value, '[redacted]')
      const encoded = encodeURIComponent(value)
      if (encoded !== value) output = output.replaceAll(encoded, '[redacted]')
    }
    for (const [shape, replacement] of SHAPES) output = output.replace(shape, replacement)
    return output
  }

  /** A deep copy of plain JSON data with every string redacted and every secret-named member blanked. */
  json<T>(input: T): T {
    return this.#value(input) as T
  }

  #value(input: unknown): unknown {
    if (typeof input === 'string') return this.text(input)
    if (Array.isArray(input)) return input.map((item) => this.#value(item))
    if (input !== null && typeof input === 'object') {
      return Object.fromEntries(
        Object.entries(input).map(([key, value]) => [
          key,
          typeof value === 'string' && value !== '' && SECRET_KEY.test(key) ? '[redacted]' : this.#value(value),
        ]),
      )
    }
    return input
  }
}
