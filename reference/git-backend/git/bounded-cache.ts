// Keeps what was read last, up to a total weight. For objects, which never change: an entry is never wrong, only absent.

export class BoundedCache<Value> {
  readonly #entries = new Map<string, { value: Value; weight: number }>()
  readonly #weightMax: number
  #weight = 0

  constructor(weightMax: number) {
    this.#weightMax = weightMax
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    // A Map keeps the order of insertion: what is used goes to the end, what is dropped comes from the front.
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  set(key: string, value: Value, weight: number): void {
    if (this.#entries.has(key)) return
    this.#entries.set(key, { value, weight })
    this.#weight += weight
    for (const [oldest, entry] of this.#entries) {
      if (this.#weight <= this.#weightMax) break
      this.#entries.delete(oldest)
      this.#weight -= entry.weight
    }
  }
}
