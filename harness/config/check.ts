// The whole of a configuration file looked at: every complaint with its place, and what each target would let a run reach.
// Nobody is contacted.

import { ALL_CAPABILITIES } from '../capabilities.ts'
import { accessTo } from '../target/access.ts'
import type { TargetOptions } from '../target/options.ts'
import { sentence } from './complaint.ts'
import { examine } from './examine.ts'
import { loadFile, sourceOfTarget } from './file.ts'

export interface CheckedTarget {
  name: string
  kind: 'url' | 'command'
  /** The URL, or the program; null where it cannot be opened. */
  address: string | null
  reached: string[]
  missing: { capability: string; because: string | null }[]
  /** On what is consented to; null for a stack of our own, which needs no consent. */
  consent: string | null
}

export interface CheckedFile {
  file: string
  good: boolean
  default: string | null
  complaints: { line: string; remedy: string }[]
  targets: CheckedTarget[]
}

/** Throws where there is no file, or none that is YAML. */
export async function checkFile(path: string, env: NodeJS.ProcessEnv, cwd: string): Promise<CheckedFile> {
  const { shown, config, complaints, source } = loadFile(path, cwd)
  const said = complaints.map((one) => ({ line: sentence(one, source), remedy: one.remedy }))
  const targets: CheckedTarget[] = []
  for (const [name, given] of Object.entries(config?.targets ?? {})) {
    const own = sourceOfTarget(source, name)
    const examined = await examine(given, own, env, name)
    said.push(...examined.complaints.map((one) => ({ line: sentence(one, own), remedy: one.remedy })))
    targets.push({ name, kind: given.kind, ...told(examined.options) })
  }
  return { file: shown, good: said.length === 0, default: config?.default ?? null, complaints: said, targets }
}

function told(options: TargetOptions | undefined): Omit<CheckedTarget, 'name' | 'kind'> {
  switch (options?.kind) {
    case 'url': {
      const { capabilities, unreachable } = accessTo(options)
      return {
        address: options.baseUrl,
        reached: ALL_CAPABILITIES.filter((one) => capabilities.has(one)),
        missing: ALL_CAPABILITIES.filter((one) => !capabilities.has(one)).map((capability) => ({
          capability,
          because: unreachable.get(capability) ?? null,
        })),
        consent:
          options.consentHost === undefined
            ? 'none: it is only read'
            : `${options.consentHost}: written to with --allow-writes, disrupted with --allow-destructive`,
      }
    }
    case 'command':
      return {
        address: `${options.command}, on a stack of the harness’s own`,
        reached: ['what its stack offers: ./readiness plan asks the program itself'],
        missing: [],
        consent: null,
      }
    default:
      return { address: null, reached: [], missing: [], consent: null }
  }
}
