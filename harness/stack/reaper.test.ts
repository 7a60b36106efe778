// The promise of the reaper, tried for real: however a harness ends, nothing of its stack is left.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { cleanUp } from './clean-up.ts'
import { isRunning, markedProcesses, startOf } from './process-table.ts'
import { Reaper } from './reaper-client.ts'
import { waitFor } from './wait-for.ts'

const HARNESS_LIKE = fileURLToPath(new URL('./test-programs/harness-like.ts', import.meta.url))
const GONE_WITHIN_MS = 12_000

interface HarnessLike {
  child: ChildProcess
  stackId: string
  folder: string
  pids: number[]
  ports: number[]
  reaper: () => number
}

const started: HarnessLike[] = []
afterEach(async () => {
  for (const one of started.splice(0)) {
    one.child.kill('SIGKILL')
    await cleanUp({ stackId: one.stackId, groups: [], folders: [one.folder] })
  }
})

async function startHarnessLike(): Promise<HarnessLike> {
  const stackId = `test-${process.pid}-${Date.now().toString(36)}`
  const folder = join(tmpdir(), `conman-readiness-${stackId}`)
  const child = spawn(process.execPath, [HARNESS_LIKE, stackId, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  let first: { pids: number[]; ports: number[] } | undefined
  let reaper = 0
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line) as { reaper: number; pids?: number[]; ports?: number[] }
    reaper = said.reaper
    if (said.pids !== undefined && said.ports !== undefined) first = { pids: said.pids, ports: said.ports }
  })
  const { pids, ports } = await waitFor(() => first, { what: 'the children to be started', within_ms: 30_000 })
  const harness = { child, stackId, folder, pids, ports, reaper: () => reaper }
  started.push(harness)
  return harness
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('error', () => resolve(false)).once('connect', () => resolve(true))
    socket.once('connect', () => socket.destroy())
  })
}

async function expectNothingLeft({ pids, ports, folder, stackId }: HarnessLike, reaper: number): Promise<void> {
  await waitFor(() => [...pids, reaper].every((pid) => startOf(pid) === undefined), {
    what: 'every process to be gone',
    within_ms: GONE_WITHIN_MS,
    instead: () => `left: ${[...pids, reaper].filter((pid) => startOf(pid) !== undefined)}`,
  })
  expect(await Promise.all(ports.map(accepts))).toEqual(ports.map(() => false))
  await expect(stat(folder)).rejects.toThrow('ENOENT')
  expect(markedProcesses(stackId)).toEqual([])
}

describe.runIf(process.platform === 'linux')('when the harness', () => {
  it.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)(
    'ends by %s, no process, port or folder of its stack is left',
    async (name) => {
      const harness = await startHarnessLike()
      const reaper = harness.reaper()
      expect(await accepts(harness.ports[0] ?? 0)).toBe(true)
      harness.child.kill(name)
      await expectNothingLeft(harness, reaper)
    },
  )

  it('is interrupted by Ctrl-C, which goes to its whole process group, the reaper still does its work', async () => {
    const harness = await startHarnessLike()
    const reaper = harness.reaper()
    process.kill(-(harness.child.pid ?? 0), 'SIGINT')
    await expectNothingLeft(harness, reaper)
  })

  it('loses its reaper, another one takes over all that was registered', async () => {
    const harness = await startHarnessLike()
    const first = harness.reaper()
    process.kill(first, 'SIGKILL')
    const second = await waitFor(() => (harness.reaper() === first ? undefined : harness.reaper()), {
      what: 'a new reaper',
      within_ms: 5_000,
    })
    expect(isRunning({ pid: harness.pids[0] ?? 0, started: startOf(harness.pids[0] ?? 0) ?? '' })).toBe(true)
    harness.child.kill('SIGKILL')
    await expectNothingLeft(harness, second)
  })
})

describe('what is not ours', () => {
  it('survives: a stranger that has the id of an old leader', async () => {
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' })
    try {
      const pid = stranger.pid ?? 0
      await waitFor(() => startOf(pid) !== undefined, { what: 'the stranger', within_ms: 5_000 })
      const left = await cleanUp({ stackId: 'none-such', groups: [{ pid, started: 'long ago' }], folders: [] })
      expect(left).toEqual([])
      expect(startOf(pid)).toBeDefined()
    } finally {
      stranger.kill('SIGKILL')
    }
  })

  it('survives: a folder whose name is not a stack folder', async () => {
    const folder = join(tmpdir(), `somebody-elses-conman-readiness-${process.pid}`)
    await mkdir(folder)
    await writeFile(join(folder, 'thesis'), 'x')
    await cleanUp({ stackId: 'none-such', groups: [], folders: [folder] })
    expect((await stat(join(folder, 'thesis'))).isFile()).toBe(true)
    const { rm } = await import('node:fs/promises')
    await rm(folder, { recursive: true })
  })
})

describe('at an orderly end', () => {
  it('the reaper removes the folder and goes', async () => {
    const folder = join(tmpdir(), `conman-readiness-orderly-${process.pid}`)
    const reaper = new Reaper(`orderly-${process.pid}`)
    reaper.registerFolder(folder)
    await mkdir(folder)
    const { pid } = reaper
    await reaper[Symbol.asyncDispose]()
    expect(startOf(pid ?? 0)).toBeUndefined()
    await expect(stat(folder)).rejects.toThrow('ENOENT')
  })
})
