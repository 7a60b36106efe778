// Faults of processes: killed and started again on the same port, frozen and thawed. On a stack of the harness's own any process
// of it; elsewhere those for which the user gave commands, whose word then counts.

import type { Capability } from '../../../harness/capabilities.ts'
import { HarnessError } from '../../../harness/errors.ts'
import { startOf, stateOf } from '../../../harness/stack/process-table.ts'
import type { ManagedProcess } from '../../../harness/stack/processes.ts'
import type { HookName } from '../../../harness/target/options.ts'
import type { Target } from '../../../harness/target/target.ts'
import { type Fault, inject } from './fault.ts'

export type Part = 'api' | 'worker' | 'git'

const PARTS: Readonly<Record<Part, { what: string; needs: Capability; kill: HookName; start: HookName }>> = {
  api: { what: 'the API', needs: 'api-control', kill: 'api-kill', start: 'api-start' },
  worker: { what: 'the worker', needs: 'worker-control', kill: 'worker-kill', start: 'worker-start' },
  git: { what: 'the git backend', needs: 'git-control', kill: 'git-stop', start: 'git-start' },
}

/** `kill -9`; healing starts it again. In a Conman of one process the API and the worker are the same one. */
export function killed(part: Part): Fault {
  const { what, needs, kill, start } = PARTS[part]
  const id = `${part}-killed`
  const title = `${what} is killed`
  return {
    id,
    title,
    needs: [needs],
    async inject(site) {
      const { run } = site
      const process = processOf(run.target, part)
      if (process !== undefined) return inject(site, { id, title }, deathOf(process, run.signal))
      const { hooks } = run.target
      if (hooks === undefined) throw new HarnessError(`${what} cannot be killed`, 'ask for the capability first')
      const done = new Set<HookName>()
      const word = (name: HookName) => (done.has(name) ? [`the command ${name} ended well`] : undefined)
      const command = async (name: HookName) => {
        await hooks.run(name, run.signal)
        done.add(name)
      }
      return inject(
        site,
        { id, title },
        {
          strike: () => command(kill),
          observe: () => word(kill),
          undo: () => command(start),
          confirm: () => word(start),
        },
      )
    },
  }
}

/** SIGSTOP; healing thaws it. */
export function frozen(part: Part): Fault {
  const { what } = PARTS[part]
  const id = `${part}-frozen`
  const title = `${what} is frozen`
  return {
    id,
    title,
    needs: ['processes'],
    async inject(site) {
      const process = processOf(site.run.target, part)
      if (process === undefined) throw new HarnessError(`${what} cannot be frozen`, 'ask for the capability first')
      return inject(site, { id, title }, frostOf(process))
    },
  }
}

export function processOf({ stack }: Pick<Target, 'stack'>, part: Part): ManagedProcess | undefined {
  return part === 'git' ? stack?.process('git-backend') : stack?.[part]
}

/** The deed of killing one process, for whatever it is. */
export function deathOf(process: ManagedProcess, signal: AbortSignal) {
  const { pid } = process
  const started = pid === undefined ? undefined : startOf(pid)
  return {
    async strike() {
      process.kill('SIGKILL')
      await process.exited
    },
    observe: () =>
      pid !== undefined && startOf(pid) !== started ? [`${process.name}: process ${pid} is gone`] : undefined,
    // One that never died is left alone: ending it now would be another fault.
    async undo() {
      if (!process.running) await process.restart(signal)
    },
    confirm: () =>
      !process.running
        ? undefined
        : process.pid === pid
          ? [`${process.name}: process ${pid} was never gone`]
          : [`${process.name}: process ${process.pid} runs in the place of ${pid}`],
  }
}

/** The deed of freezing one process. */
export function frostOf(process: ManagedProcess) {
  const { pid = 0, name } = process
  return {
    async strike() {
      process.freeze()
    },
    observe: () => (stateOf(pid) === 'T' ? [`${name}: process ${pid} is in state T (stopped)`] : undefined),
    async undo() {
      process.thaw()
    },
    confirm: () => {
      const state = stateOf(pid)
      return state !== undefined && state !== 'T' && state !== 'Z'
        ? [`${name}: process ${pid} is in state ${state}`]
        : undefined
    },
  }
}
