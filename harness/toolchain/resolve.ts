// Finds each program that the harness drives, in one order of places: the explicit path variable, PATH, the project's own
// cache, then built or fetched by a pinned version. An explicit path that does not do is an error, never a reason to go on.

import { resolve as resolvePath } from 'node:path'
import { UsageError } from '../errors.ts'
import { InstallFailed, installersOf, type Progress } from './install.ts'
import { findAllOnPath, isExecutable } from './path.ts'
import { LIBRARY_PACKAGES, PROGRAMS, type Program, type ToolName } from './programs.ts'
import { askVersion, compareVersions, formatVersion } from './version.ts'

export interface Tool {
  name: ToolName
  path: string
  version: string
  origin: 'variable' | 'PATH' | 'cache' | 'built' | 'fetched'
}

/** One place that was looked at, and why it did not do. */
export interface Attempt {
  place: string
  path?: string
  why: string
  missingLibrary?: string
}

export interface Search {
  tool?: Tool
  /** Every place before the one that did, in order. */
  tried: Attempt[]
  /** Set when nothing was found but an installer could make it: what it would do. */
  installable?: string
  remedy?: string
}

export interface ResolveOptions {
  onProgress?: Progress
  /** Build or fetch what no place has. */
  install: boolean
  env?: NodeJS.ProcessEnv
  signal?: AbortSignal
}

export async function resolveTool(name: ToolName, options: ResolveOptions): Promise<Tool> {
  const found = await searchTool(name, options)
  if (found.tool !== undefined) return found.tool
  throw notFound(name, found)
}

export function notFound(name: ToolName, { tried, remedy }: Search): UsageError {
  const places = tried.map((attempt) => `  ${describe(attempt)}`).join('\n')
  return new UsageError(`${name} ${wanted(PROGRAMS[name])} was not found:\n${places}`, remedy ?? PROGRAMS[name].remedy)
}

/** Like `resolveTool`, but tells the whole story instead of throwing. Throws UsageError only for an explicit path that does not do. */
export async function searchTool(name: ToolName, options: ResolveOptions): Promise<Search> {
  const program = PROGRAMS[name]
  const env = options.env ?? process.env
  const tried: Attempt[] = []

  const explicit = env[program.variable]
  if (explicit !== undefined && explicit !== '') {
    const path = resolvePath(explicit)
    const judged = await judge(program, path, env)
    if (judged.version !== undefined)
      return { tool: { name, path, version: judged.version, origin: 'variable' }, tried }
    throw new UsageError(
      `${program.variable}=${explicit}: ${judged.why}`,
      remedyFor(judged.missingLibrary) ?? `set ${program.variable} to ${name} ${wanted(program)}, or unset it`,
    )
  }
  tried.push({ place: program.variable, why: 'not set' })

  const onPath = await findAllOnPath(name, env)
  if (onPath.length === 0) tried.push({ place: 'PATH', why: `no ${name} on it` })
  for (const path of onPath) {
    const judged = await judge(program, path, env)
    if (judged.version !== undefined) return { tool: { name, path, version: judged.version, origin: 'PATH' }, tried }
    tried.push(attempt('PATH', path, judged))
  }

  const installers = installersOf(name, env)
  for (const { path } of installers) {
    const judged = await judge(program, path, env)
    if (judged.version !== undefined) return { tool: { name, path, version: judged.version, origin: 'cache' }, tried }
    tried.push(attempt('cache', path, judged))
    // It is whole and would be the same again: what is missing is the system's.
    if (judged.missingLibrary !== undefined)
      return { tried, remedy: remedyFor(judged.missingLibrary) ?? program.remedy }
  }

  for (const installer of installers) {
    const available = await installer.available()
    if (!available.yes) {
      tried.push({ place: installer.place, why: available.why })
      continue
    }
    if (!options.install) return { tried, installable: `${installer.place} ${available.how}` }
    try {
      await installer.install(options.onProgress ?? (() => {}), options.signal)
    } catch (error) {
      if (!(error instanceof InstallFailed)) throw error
      tried.push({ place: installer.place, why: error.message })
      continue
    }
    const judged = await judge(program, installer.path, env)
    if (judged.version !== undefined) {
      return { tool: { name, path: installer.path, version: judged.version, origin: installer.origin }, tried }
    }
    tried.push(attempt(installer.place, installer.path, judged))
    if (judged.missingLibrary !== undefined)
      return { tried, remedy: remedyFor(judged.missingLibrary) ?? program.remedy }
  }
  const library = tried.find((one) => one.missingLibrary !== undefined)?.missingLibrary
  return { tried, remedy: remedyFor(library) ?? program.remedy }
}

interface Judgement {
  /** Set when it does. */
  version?: string
  why: string
  missingLibrary?: string
}

async function judge(program: Program, path: string, env: NodeJS.ProcessEnv): Promise<Judgement> {
  if (!(await isExecutable(path))) return { why: 'there is no program there' }
  const answer = await askVersion(path, program.versionArgs, env)
  if (!answer.ok) {
    return {
      why: answer.why,
      ...(answer.missingLibrary === undefined ? {} : { missingLibrary: answer.missingLibrary }),
    }
  }
  const version = formatVersion(answer.version)
  if (compareVersions(answer.version, program.minimum) < 0) {
    return { why: `it is ${version}, and ${wanted(program)} is needed: ${program.minimumBecause}` }
  }
  return { version, why: '' }
}

function attempt(place: string, path: string, judged: Judgement): Attempt {
  return {
    place,
    path,
    why: judged.why,
    ...(judged.missingLibrary === undefined ? {} : { missingLibrary: judged.missingLibrary }),
  }
}

export function wanted(program: Program): string {
  return `≥ ${program.minimum.major}.${program.minimum.minor}`
}

export function describe(one: Attempt): string {
  return `${one.place}${one.path === undefined ? '' : ` (${one.path})`}: ${one.why}`
}

function remedyFor(library: string | undefined): string | undefined {
  if (library === undefined) return undefined
  const debian = LIBRARY_PACKAGES[library]
  return debian === undefined
    ? `install the system's package that has ${library}`
    : `apt-get install ${debian} (the package that has ${library} on Debian and Ubuntu)`
}
