// A target with everything that a gatherer may use beside it, opened for a while and taken down whole.

import { mkdirSync, rmSync } from 'node:fs'
import { cpus, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'
import type { ProfileName } from './check.ts'
import { HarnessError, UsageError } from './errors.ts'
import { reasonOf } from './evidence/store.ts'
import type { Elsewhere } from './k6.ts'
import { prefixOf } from './prefix.ts'
import { PROFILES } from './profiles.ts'
import type { Progress } from './progress.ts'
import { applyOverrides, type LimitOverrides, type Run } from './run.ts'
import { FOLDER_PREFIX } from './stack/clean-up.ts'
import { MARKER } from './stack/process-table.ts'
import { Reaper } from './stack/reaper-client.ts'
import { stackParent } from './stack/storage.ts'
import type { OpenTarget } from './target/open.ts'
import type { TargetOptions } from './target/options.ts'
import type { Target } from './target/target.ts'
import type { ToolName } from './toolchain/programs.ts'
import { resolveTool, type Tool } from './toolchain/resolve.ts'

export interface SessionOptions {
  profile: ProfileName
  randomSeed: number
  overrides: LimitOverrides
  seedOver: 'http' | 'database'
  target: TargetOptions
  openTarget: OpenTarget
  /** Has loads made on other machines. */
  elsewhere?: Elsewhere
  progress: Progress
  signal: AbortSignal
}

export interface Session extends AsyncDisposable {
  run: Run
  target: Target
  tools: ReadonlyMap<ToolName, Tool>
  /** Leaves what was started running; how to end it. Undefined where there is nothing of ours to leave. */
  keep(): Promise<string | undefined>
}

export const MACHINE = {
  cpus: cpus().length,
  cpu_model: cpus()[0]?.model ?? 'unknown',
  memory_bytes: totalmem(),
  platform: `${platform()} ${release()}`,
}

export async function openSession(id: string, options: SessionOptions): Promise<Session> {
  const { progress, signal } = options
  const profile = PROFILES[options.profile]
  // A URL is looked at before minutes go into building a program; a stack of our own needs its programs first.
  const tools = options.target.kind === 'url' ? new Map<ToolName, Tool>() : await resolveTools(options)

  await using undo = new AsyncDisposableStack()
  const marker = `run-${id}`
  const reaper = undo.use(new Reaper(marker))
  const temporary = join(stackParent().path, `${FOLDER_PREFIX}${marker}`)
  reaper.registerFolder(temporary)
  makeTemporary(temporary)
  undo.defer(() => rmSync(temporary, { recursive: true, force: true }))

  const target = await options.openTarget(options.target, { profile, progress, signal })
  let kept = false
  undo.defer(async () => {
    if (!kept) await target[Symbol.asyncDispose]()
  })

  if (tools.size === 0) for (const [name, tool] of await resolveTools(options)) tools.set(name, tool)

  let temporaryFolders = 0
  const run: Run = {
    id,
    profile,
    randomSeed: options.randomSeed,
    target,
    prefix: prefixOf(target.kind, id, options.randomSeed),
    progress,
    signal,
    machine: MACHINE,
    seedOver: options.seedOver,
    tool(name) {
      const tool = tools.get(name)
      if (!tool)
        throw new HarnessError(`${name} was not resolved for this run`, 'this is a fault of the harness: report it')
      return tool
    },
    temporaryFolder: (label) => join(temporary, `${label}-${++temporaryFolders}`),
    marker: () => ({ [MARKER]: marker }),
    adopt(child, label) {
      const { pid } = child
      if (pid === undefined) throw new HarnessError(`${label} could not be started`, 'run `./readiness doctor`')
      reaper.registerGroup(pid)
      return () => reaper.unregisterGroup(pid)
    },
    ...(options.elsewhere === undefined ? {} : { elsewhere: options.elsewhere }),
    // A session that is no run keeps nothing.
    appendLine: () => {},
    limits: (check, of) => applyOverrides(check, of, options.overrides),
  }
  const owned = undo.move()
  return {
    run,
    target,
    tools,
    async keep() {
      if (!target.keep) return undefined
      const how = await target.keep()
      kept = true
      return how
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function makeTemporary(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new UsageError(
      `the temporary folder ${folder} cannot be made (${reasonOf(cause)})`,
      'set READINESS_TMP to a folder that you may write to',
      { cause },
    )
  }
}

async function resolveTools({ target, progress, signal }: SessionOptions): Promise<Map<ToolName, Tool>> {
  const tools = new Map<ToolName, Tool>()
  for (const name of target.tools)
    tools.set(name, await resolveTool(name, { install: true, onProgress: progress.say, signal }))
  return tools
}
