// One managed process: ready, early end, restart, and an end that is refused.

import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HarnessError } from '../errors.ts'
import { AddressInUse, freePorts, withFreshPorts } from './ports.ts'
import { ManagedProcess, type ProcessSpec } from './processes.ts'
import { Reaper } from './reaper-client.ts'

const LISTENER = fileURLToPath(new URL('./test-programs/listener.ts', import.meta.url))
const folder = join(tmpdir(), `conman-readiness-processes-${process.pid}`)
let reaper: Reaper

beforeAll(async () => {
  reaper = new Reaper(`processes-${process.pid}`)
  reaper.registerFolder(folder)
  await mkdir(folder)
})
afterAll(async () => {
  await reaper[Symbol.asyncDispose]()
})

function node(name: string, args: string[], more: Partial<ProcessSpec> = {}): ManagedProcess {
  const ready = { what: 'to listen', within_ms: 20_000, probe: (it: ManagedProcess) => it.log().includes('listening') }
  return new ManagedProcess(
    { name, command: process.execPath, args, logFile: join(folder, `${name}.log`), ready, ...more },
    reaper,
  )
}

describe('a managed process', () => {
  it('that ends before it is ready fails at once, with its last lines', async () => {
    await using process = node('early', [
      '-e',
      'console.log("one"); console.error("no such database"); process.exit(7)',
    ])
    const began = performance.now()
    const failed = await process.start().catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(HarnessError)
    expect((failed as Error).message).toMatch(/early .* ended with exit code 7; its last lines:\none\nno such database/)
    expect(performance.now() - began).toBeLessThan(5_000)
  })

  it('that finds its port taken is told apart, so that it can be started on another', async () => {
    await using process = node('taken', [
      '-e',
      'console.error("listen EADDRINUSE: address already in use"); process.exit(1)',
    ])
    await expect(process.start()).rejects.toBeInstanceOf(AddressInUse)
  })

  it('that is no program says so', async () => {
    await using process = node('nothing', [], { command: '/none/such' })
    await expect(process.start()).rejects.toThrow('could not be started')
  })

  it('that is not ready within its bound fails with what it wrote', async () => {
    const ready = { what: 'the impossible', within_ms: 600, probe: () => false }
    await using process = node('slow', ['-e', 'console.log("still trying"); setInterval(() => {}, 1000)'], { ready })
    await expect(process.start()).rejects.toThrow(/waited 0\.6 s for slow: the impossible; instead:\nstill trying/)
  })

  it('is started again by its handle, and must become ready again', async () => {
    await using process = node('again', [LISTENER])
    await process.start()
    const first = process.pid
    process.kill('SIGKILL')
    expect(await process.exited).toEqual({ code: null, signal: 'SIGKILL' })
    expect(process.running).toBe(false)
    await process.restart()
    expect(process.pid).not.toBe(first)
    expect(process.log().match(/listening/g)).toHaveLength(1)
    expect(process.starts).toBe(2)
    expect(process.rss_bytes).toBeGreaterThan(1_000_000)
  })

  it('that ignores SIGTERM is killed after its bound', async () => {
    await using process = node('stubborn', [LISTENER, '--stubborn'], { stopWithin_ms: 200 })
    await process.start()
    expect(await process.stop()).toEqual({ code: null, signal: 'SIGKILL' })
  })

  it('that is frozen is ended too', async () => {
    await using process = node('frozen', [LISTENER])
    await process.start()
    process.freeze()
    expect(await process.stop()).toEqual({ code: null, signal: 'SIGTERM' })
  })

  it("gives up when the caller does, with the caller's reason", async () => {
    await using process = node('abandoned', ['-e', 'setInterval(() => {}, 1000)'])
    const reason = new Error('enough')
    const abort = new AbortController()
    setTimeout(() => abort.abort(reason), 100)
    await expect(process.start(abort.signal)).rejects.toBe(reason)
  })
})

describe('ports', () => {
  it('are below the range of outgoing connections, and never the same twice', async () => {
    const ports = await freePorts(200)
    expect(new Set(ports).size).toBe(200)
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(20_000)
    expect(Math.max(...ports)).toBeLessThanOrEqual(32_000)
  })

  it('are picked anew when another program was quicker', async () => {
    let starts = 0
    const start = async () => {
      if (++starts < 3) throw new AddressInUse('taken')
      return 'started'
    }
    expect(await withFreshPorts(start)).toBe('started')
    await expect(withFreshPorts(() => Promise.reject(new AddressInUse('taken')))).rejects.toBeInstanceOf(HarnessError)
  })
})
