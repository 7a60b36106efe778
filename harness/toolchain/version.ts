// Versions: reading one out of what a program prints, comparing two, and asking a program for its own.

import { runProgram } from './run-program.ts'

export interface Version {
  major: number
  minor: number
  patch: number
}

/** The first thing in the text that looks like a version: `v2.2.0`, `git version 2.39.5`, `2.43.0.windows.1`, `go1.25`. */
export function parseVersion(text: string): Version | undefined {
  const match = /(?:^|[^\d.])(\d+)\.(\d+)(?:\.(\d+))?/.exec(text)
  if (match === null) return undefined
  return { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3] ?? 0) }
}

export function formatVersion(version: Version): string {
  return `${version.major}.${version.minor}.${version.patch}`
}

/** Negative when `a` is the older one. */
export function compareVersions(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch
}

/** A program that only prints its version needs milliseconds; a cold disk under a 180 MB mongod may need seconds. */
const VERSION_WITHIN_MS = 15_000

export type VersionAnswer =
  | { ok: true; version: Version }
  /** `missingLibrary` is the shared library that the dynamic loader did not find. */
  | { ok: false; why: string; missingLibrary?: string }

export async function askVersion(path: string, args: string[], env: NodeJS.ProcessEnv): Promise<VersionAnswer> {
  const shown = [path, ...args].join(' ')
  const result = await runProgram(path, args, { within_ms: VERSION_WITHIN_MS, env })
  if (result.failedToStart !== undefined) return { ok: false, why: `could not be started (${result.failedToStart})` }
  if (result.timedOut) return { ok: false, why: `'${shown}' did not end within ${VERSION_WITHIN_MS / 1000} s` }
  // glibc, musl and macOS each have their own words for it.
  const missing =
    /shared librar(?:y|ies):? ([^\s:]+)|Error loading shared library ([^\s:]+)|Library not loaded: (\S+)/.exec(
      result.stderr,
    )
  const missingLibrary = missing?.[1] ?? missing?.[2] ?? missing?.[3]
  if (missingLibrary !== undefined)
    return { ok: false, why: `the shared library ${missingLibrary} is missing`, missingLibrary }
  if (result.code !== 0) {
    const last = (result.stderr || result.stdout).trim().split('\n').at(-1) ?? ''
    return { ok: false, why: `'${shown}' ended with ${result.code ?? 'a signal'}${last === '' ? '' : `: ${last}`}` }
  }
  const version = parseVersion(result.stdout) ?? parseVersion(result.stderr)
  if (version === undefined) return { ok: false, why: `'${shown}' printed no version` }
  return { ok: true, version }
}
