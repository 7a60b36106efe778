// What a gatherer is given: the target, the profile, a place for temporary files, and a signal that ends it. Everything
// that a gatherer starts is handed to the run, so that it ends with the run, however that ends.

import type { ChildProcess } from 'node:child_process'
import type { Limit, Limits } from './check.ts'
import type { Elsewhere } from './k6.ts'
import type { Profile } from './profiles.ts'
import type { Progress } from './progress.ts'
import type { ServerSideLoad } from './server-side/evidence.ts'
import type { Target } from './target/target.ts'
import type { ToolName } from './toolchain/programs.ts'
import type { Tool } from './toolchain/resolve.ts'

export interface Run {
  /** `<utc time>-<short id>`, the name of the run's folder. */
  readonly id: string
  readonly profile: Profile
  /** Seeds everything that is random in a run; the same number gives the same data. */
  readonly randomSeed: number
  readonly target: Target
  /** Stands before the name of everything that the run makes (harness/prefix.ts). */
  readonly prefix: string
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly machine: { cpus: number; cpu_model: string; memory_bytes: number; platform: string }
  /** Where the fixtures go: over HTTP as a user would, or straight into the database where that can be reached. */
  readonly seedOver: 'http' | 'database'
  /** A resolved program. Asked for only what the check's plan made sure of. */
  tool(name: ToolName): Tool
  /** A private folder that does not outlive the run. */
  temporaryFolder(label: string): string
  /** Environment by which a child, and its children, can be found again. */
  marker(): Record<string, string>
  /** Registers a child's process group for clean-up; the returned function takes it off again. */
  adopt(child: ChildProcess, label: string): () => void
  /** Keeps beside the evidence under way what the server did while a load ran; absent where nothing is kept. */
  readonly keepBeside?: (load: () => Promise<ServerSideLoad>) => void
  /** Who makes the loads, where that is not a k6 beside this harness. */
  readonly elsewhere?: Elsewhere
  /** Adds a line of JSON to a file beside the evidence; it is there when the next thing happens. A check reads it as `Lines`. */
  appendLine(file: string, value: unknown): void
  /** The limits of a check after the user's overrides. */
  limits(check: string, of: readonly Limit[]): Limits
}

/** `--limit L1.latency_ms_max=5000`, by `<check>.<limit>`. */
export type LimitOverrides = ReadonlyMap<string, number>

export function applyOverrides(check: string, of: readonly Limit[], overrides: LimitOverrides): Limits {
  return Object.fromEntries(
    of.map((limit) => {
      const value = overrides.get(`${check}.${limit.name}`)
      return [limit.name, value === undefined ? limit : { ...limit, value, overriddenFrom: limit.value }]
    }),
  )
}
