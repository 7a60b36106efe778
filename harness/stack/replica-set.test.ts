// The replica set, and the way to it through Toxiproxy and the relay, with the real programs and the real driver.

import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resolveTool } from '../toolchain/resolve.ts'
import { freePort } from './ports.ts'
import { ManagedProcess } from './processes.ts'
import { Reaper } from './reaper-client.ts'
import { prepareReplicaSet, type ReplicaSet } from './replica-set.ts'
import { prepareToxiproxy, type ToxiproxyHandle } from './toxiproxy.ts'
import { waitFor } from './wait-for.ts'

const RELAY = fileURLToPath(new URL('./socks-relay.ts', import.meta.url))
const folder = join(tmpdir(), `conman-readiness-replica-set-${process.pid}`)
const owned = new AsyncDisposableStack()
let set: ReplicaSet
let toxiproxy: ToxiproxyHandle
let relayPort = 0

beforeAll(async () => {
  const install = { install: true }
  const [mongod, program] = await Promise.all([
    resolveTool('mongod', install),
    resolveTool('toxiproxy-server', install),
  ])
  const reaper = owned.use(new Reaper(`replica-set-${process.pid}`))
  reaper.registerFolder(folder)
  await mkdir(folder)
  const places = { dataDir: folder, dir: folder, logDir: folder, reaper }
  set = owned.use(await prepareReplicaSet({ ...places, mongod: mongod.path }))
  relayPort = await freePort()
  const upstreams = { 'mongo-api': relayPort, 'mongo-worker': relayPort, git: await freePort() }
  toxiproxy = await prepareToxiproxy({ ...places, program: program.path, upstreams })
  const relay = new ManagedProcess(
    {
      name: 'socks-relay',
      command: process.execPath,
      args: [
        RELAY,
        '--listen',
        `127.0.0.1:${relayPort}`,
        '--allow',
        set.members.map((member) => member.port).join(','),
      ],
      logFile: join(folder, 'relay.log'),
      ready: { what: 'to listen', within_ms: 20_000, probe: (it) => it.log().includes('socks relay listening') },
    },
    reaper,
  )
  owned.use(relay)
  owned.use(toxiproxy.process)
  await Promise.all([set.start(), toxiproxy.process.start(), relay.start()])
})
afterAll(async () => {
  await owned.disposeAsync()
})

async function clientThrough(port: number): Promise<MongoClient> {
  const client = new MongoClient(`${set.uri}&proxyHost=127.0.0.1&proxyPort=${port}`, {
    serverSelectionTimeoutMS: 1_500,
  })
  return await client.connect()
}

describe('the way to MongoDB', () => {
  it('of one client is cut alone, monitors and all, and heals', async () => {
    await using api = await clientThrough(toxiproxy.ports['mongo-api'])
    await using worker = await clientThrough(toxiproxy.ports['mongo-worker'])
    const write = (client: MongoClient) =>
      client
        .db('path')
        .collection('writes')
        .insertOne({ at: new Date() }, { writeConcern: { w: 'majority' } })
    await write(worker)

    const proxy = await toxiproxy.client.get('mongo-worker')
    const shut = { listen: proxy.listen, upstream: proxy.upstream }
    await proxy.update({ enabled: false, ...shut })
    await expect(write(worker)).rejects.toThrow()
    await write(api)
    expect(
      (
        await worker
          .db('admin')
          .command({ ping: 1 })
          .catch(() => undefined)
      )?.ok,
    ).toBeUndefined()

    await proxy.update({ enabled: true, ...shut })
    const healed = performance.now()
    await waitFor(async () => (await write(worker).catch(() => undefined))?.acknowledged, {
      what: 'the client to heal',
      within_ms: 15_000,
    })
    expect(performance.now() - healed).toBeLessThan(10_000)
  })

  it('leads to the replica set and to nothing else', async () => {
    const { SocksClient } = await import('socks')
    const proxy = { host: '127.0.0.1', port: relayPort, type: 5 as const }
    const to = (host: string, port: number) =>
      SocksClient.createConnection({ proxy, command: 'connect', destination: { host, port } })
    const member = set.members[0]?.port ?? 0
    const { socket } = await to('127.0.0.1', member)
    socket.destroy()
    await expect(to('127.0.0.1', relayPort)).rejects.toThrow(/NotAllowed/)
    await expect(to('192.0.2.1', member)).rejects.toThrow(/NotAllowed/)
  })

  it('is there again after Toxiproxy was killed and started again', async () => {
    toxiproxy.process.kill('SIGKILL')
    await toxiproxy.process.exited
    await toxiproxy.process.restart()
    await using api = await clientThrough(toxiproxy.ports['mongo-api'])
    expect((await api.db('admin').command({ ping: 1 })).ok).toBe(1)
  })
})

describe('the replica set', () => {
  it('elects another primary when its primary is killed, and takes it back', async () => {
    const [old, term] = [await set.waitForPrimary(), await set.term()]
    old.process.kill('SIGKILL')
    await old.process.exited
    const next = await set.waitForPrimary({ notMember: old })
    expect(next.name).not.toBe(old.name)
    expect(await set.term()).toBeGreaterThan(term)
    await old.process.restart()
    await set.waitUntilHealthy()
  })

  it('elects another primary when its primary is frozen', async () => {
    const [old, term] = [await set.waitForPrimary(), await set.term()]
    old.process.freeze()
    await set.waitForPrimary({ notMember: old })
    old.process.thaw()
    await set.waitUntilHealthy()
    expect(await set.term()).toBeGreaterThan(term)
  })

  it('elects another primary when its primary is told to step down', async () => {
    const old = await set.stepDown()
    await set.waitForPrimary({ notMember: old })
    await set.waitUntilHealthy()
  })
})
