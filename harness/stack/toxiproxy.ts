// Toxiproxy before MongoDB and before the git backend. Its proxies stand in a file that it reads when it starts, so that
// they are there again when it is started again.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Toxiproxy } from 'toxiproxy-node-client'
import { AddressInUse, freePort } from './ports.ts'
import { ManagedProcess } from './processes.ts'
import type { Reaper } from './reaper-client.ts'

/** One switch each: the API's way to MongoDB, the worker's way to MongoDB, and Conman's way to the git backend. */
export const PROXY_NAMES = ['mongo-api', 'mongo-worker', 'git'] as const
export type ProxyName = (typeof PROXY_NAMES)[number]

const READY_WITHIN_MS = 15_000

export interface ToxiproxyHandle {
  process: ManagedProcess
  client: Toxiproxy
  /** Of its own interface. */
  url: string
  /** Where each proxy listens. */
  ports: Readonly<Record<ProxyName, number>>
}

export interface ToxiproxyOptions {
  /** Path of the toxiproxy-server program. */
  program: string
  dir: string
  logDir: string
  reaper: Reaper
  /** Where each proxy leads, on loopback. */
  upstreams: Readonly<Record<ProxyName, number>>
}

/** Not started yet: the ports are known, so that others can be told of them. */
export async function prepareToxiproxy({
  program,
  dir,
  logDir,
  reaper,
  upstreams,
}: ToxiproxyOptions): Promise<ToxiproxyHandle> {
  const apiPort = await freePort()
  const entries = await Promise.all(PROXY_NAMES.map(async (name) => [name, await freePort()] as const))
  const ports = Object.fromEntries(entries) as Record<ProxyName, number>
  const proxies = PROXY_NAMES.map((name) => ({
    name,
    listen: `127.0.0.1:${ports[name]}`,
    upstream: `127.0.0.1:${upstreams[name]}`,
    enabled: true,
  }))
  const config = join(dir, 'toxiproxy.json')
  await writeFile(config, JSON.stringify(proxies, undefined, 2))
  const url = `http://127.0.0.1:${apiPort}`
  const client = new Toxiproxy(url)
  const process = new ManagedProcess(
    {
      name: 'toxiproxy',
      command: program,
      args: ['-host', '127.0.0.1', '-port', String(apiPort), '-config', config],
      logFile: join(logDir, 'toxiproxy.log'),
      ready: {
        what: 'all its proxies to listen',
        within_ms: READY_WITHIN_MS,
        probe: async (it) => {
          const found = await client.getAll().catch(() => undefined)
          // It answers even when it could not listen for one of them, and says so only in its log.
          if (/address already in use/.test(it.log())) throw new AddressInUse(`toxiproxy: ${it.lastLogLines(3)}`)
          return found !== undefined && PROXY_NAMES.every((name) => found[name]?.enabled === true)
        },
      },
    },
    reaper,
  )
  return { process, client, url, ports }
}
