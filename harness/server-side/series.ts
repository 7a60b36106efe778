// What counters have gained between scrapes: a counter that fell began anew, and what it says is what it has gained.

import type { Exposition, MetricSample } from './exposition.ts'

export interface Gain {
  name: string
  labels: MetricSample['labels']
  gained: number
}

export class Series {
  readonly #wanted: (name: string) => boolean
  readonly #last = new Map<string, number>()
  readonly #gains = new Map<string, Gain>()
  #scrapes = 0
  #fell = 0

  constructor(wanted: (name: string) => boolean) {
    this.#wanted = wanted
  }

  /** Counters that fell; 0 as long as one process answers that lives on. */
  get fell(): number {
    return this.#fell
  }

  add({ samples }: Pick<Exposition, 'samples'>): void {
    const first = this.#scrapes === 0
    this.#scrapes += 1
    for (const { name, labels, value } of samples) {
      if (!this.#wanted(name) || !Number.isFinite(value)) continue
      const key = `${name} ${JSON.stringify(Object.entries(labels).sort())}`
      const before = this.#last.get(key) ?? (first ? value : 0)
      this.#last.set(key, value)
      const gain = this.#gains.get(key) ?? { name, labels, gained: 0 }
      if (value < before) this.#fell += 1
      gain.gained += value < before ? value : value - before
      this.#gains.set(key, gain)
    }
  }

  /** Whether there ever was a series of this name. */
  has(name: string): boolean {
    return [...this.#gains.values()].some((gain) => gain.name === name)
  }

  gains(): Gain[] {
    return [...this.#gains.values()].filter(({ gained }) => gained > 0)
  }
}
