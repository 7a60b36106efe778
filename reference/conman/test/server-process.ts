/** A server under test: the real program as a process, on the database and the git backend that the environment names. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what the tests are about
  body: any
}

export interface Client {
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
}

export interface ServerProcess extends AsyncDisposable {
  readonly logs: Record<string, unknown>[]
  client(token?: string): Client
}

const MAIN = `${import.meta.dirname}/../main.ts`
const READY_LIMIT_MS = 20_000

export async function runCommand(args: string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { PATH: process.env.PATH, ...env } })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

export async function startServer(args: string[], env: Record<string, string>): Promise<ServerProcess> {
  const child = spawn(process.execPath, [MAIN, 'serve', ...args], {
    env: { PATH: process.env.PATH, ...env, CONMAN_HOST: '127.0.0.1', CONMAN_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const logs: Record<string, unknown>[] = []
  const ready = Promise.withResolvers<string>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const entry = JSON.parse(line) as Record<string, unknown>
    logs.push(entry)
    if (entry.message === 'server listening') ready.resolve(String(entry.addr))
  })
  child.once('exit', (code) => ready.reject(new Error(`the server ended with ${code} before it was ready`)))
  const timer = setTimeout(() => ready.reject(new Error('the server was not ready in time')), READY_LIMIT_MS)
  const address = await ready.promise.finally(() => clearTimeout(timer))

  async function request(method: string, path: string, token: string | undefined, body: unknown, extra: object) {
    const headers: Record<string, string> = { ...extra }
    if (token !== undefined) headers.authorization = `Bearer ${token}`
    if (body !== undefined) headers['content-type'] ??= 'application/json'
    const payload = typeof body === 'string' ? body : body === undefined ? null : JSON.stringify(body)
    const response = await fetch(`http://${address}${path}`, { method, headers, body: payload })
    const text = await response.text()
    const json = response.headers.get('content-type')?.startsWith('application/json') === true && text !== ''
    return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text }
  }

  return {
    logs,
    client: (token) => ({
      get: (path, headers = {}) => request('GET', path, token, undefined, headers),
      send: (method, path, body, headers = {}) => request(method, path, token, body, headers),
    }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

/** A worker has no address to wait for: what it did is seen in the database. */
export function startWorker(env: Record<string, string>): { stop(): Promise<number | null> } {
  const child = spawn(process.execPath, [MAIN, 'serve', '--role', 'worker'], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return {
    async stop() {
      child.kill('SIGTERM')
      const [code] = (await once(child, 'exit')) as [number | null]
      return code
    },
  }
}
