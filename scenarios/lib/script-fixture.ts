// What the test of execution segments (scenarios/segments.test.ts) needs of a load script: small settings, and how its
// load is counted. Each script has a `script.fixture.ts` beside it that exports `scripts`.

export interface ScriptFixture {
  name: string
  /** For the script, aimed at `baseUrl`. Of users an odd number: two segments are then of different sizes. */
  settings(baseUrl: string): unknown
  /**
   * - `planned`: the plan says which requests are sent.
   * - `arriving`: they arrive at a rate, each the next of one sequence, for a time.
   * - `paced`: as many as the time allows; none is like another, and each user has them from one process.
   * - `rounds`: as many as the time allows, again and again the same; each user has them from one process.
   */
  load: 'planned' | 'arriving' | 'paced' | 'rounds'
  /** Requests of one arrival; 1 where nothing is said. */
  each?: number
  /** The `data` of an answer; what a write gives when nothing is said. */
  data?: unknown
}

export const people = <T>(count: number, make: (number: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index + 1))

export const EVERY_SCRIPT = { requestTimeoutS: 10, latencyLimitMs: 2_000, stopAt5xxShare: null }
