// Reading what a target answered: members by the names that Conman or its specification gives them, each of the type that
// the contract says, and nothing taken on trust.

/** An answer that is not what the contract says. Becomes a ConmanError where the answer is known. */
export class Undecodable extends Error {}

export function recordOf(value: unknown): Record<string, unknown> | undefined {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}

/** The members of an object. Several names are spellings of one thing: the first that is there counts. */
export class Fields {
  readonly #row: Record<string, unknown>

  /** `what`: for the message, e.g. `an app`. */
  constructor(value: unknown, what: string) {
    const row = recordOf(value)
    if (row === undefined) throw new Undecodable(`the answer has no object where ${what} belongs`)
    this.#row = row
  }

  has(name: string): boolean {
    return this.#first([name]) !== undefined
  }

  text(...names: string[]): string {
    const value = this.#first(names)
    if (typeof value !== 'string') throw missing('text', names)
    return value
  }

  /** Null where it is absent or of another type: for what a reader can do without. */
  textOrNull(...names: string[]): string | null {
    const value = this.#first(names)
    return typeof value === 'string' ? value : null
  }

  number(...names: string[]): number {
    const value = this.#first(names)
    if (typeof value !== 'number' || !Number.isFinite(value)) throw missing('number', names)
    return value
  }

  numberOrNull(...names: string[]): number | null {
    const value = this.#first(names)
    return typeof value === 'number' && Number.isFinite(value) ? value : null
  }

  flag(...names: string[]): boolean {
    return this.#first(names) === true
  }

  /** The texts of a list; what is none is left out. */
  texts(...names: string[]): string[] {
    const value = this.#first(names)
    return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
  }

  object(...names: string[]): Fields {
    const value = this.#first(names)
    if (recordOf(value) === undefined) throw missing('object', names)
    return new Fields(value, names[0]!)
  }

  objectOrNull(...names: string[]): Fields | null {
    const value = this.#first(names)
    return recordOf(value) === undefined ? null : new Fields(value, names[0]!)
  }

  list<T>(name: string, of: (row: Fields) => T): T[] {
    const value = this.#first([name])
    if (!Array.isArray(value)) throw missing('list', [name])
    return value.map((row) => of(new Fields(row, name)))
  }

  /** The object itself, for what is shown or compared whole. */
  get raw(): Readonly<Record<string, unknown>> {
    return this.#row
  }

  #first(names: readonly string[]): unknown {
    for (const name of names) {
      const value = Object.hasOwn(this.#row, name) ? this.#row[name] : undefined
      if (value !== undefined && value !== null) return value
    }
    return undefined
  }
}

function missing(type: string, names: readonly string[]): Undecodable {
  return new Undecodable(`the answer has no ${type} ${names.map((name) => `'${name}'`).join(' or ')}`)
}
