/**
 * A server under test: the real program as a process, on the database and the git backend that the environment names. Whatever
 * goes over the wire is held to the API description that the server serves.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type ApiContract, createApiContract, type Description } from './api-contract.ts'

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
  readonly process: ChildProcess
  /** `host:port` */
  readonly address: string
  readonly contract: ApiContract
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

  const description = await fetch(`http://${address}/api/openapi.json`)
  const contract = createApiContract((await description.json()) as Description)

  async function request(method: string, path: string, token: string | undefined, body: unknown, extra: object) {
    const headers: Record<string, string> = { ...extra }
    if (token !== undefined) headers.authorization = `Bearer ${token}`
    if (body !== undefined) headers['content-type'] ??= 'application/json'
    const payload = typeof body === 'string' ? body : body === undefined ? null : JSON.stringify(body)
    const response = await fetch(`http://${address}${path}`, { method, headers, body: payload })
    const text = await response.text()
    const { status, headers: answered } = response
    const contentType = answered.get('content-type') ?? ''
    const received = contentType.startsWith('application/json') && text !== '' ? JSON.parse(text) : text
    const problems = contract.problems({ method, path, sent: body, status, contentType, received })
    if (problems.length > 0)
      throw new Error(`not as the API description says:\n${problems.join('\n')}\n${text.slice(0, 2000)}`)
    return { status, headers: answered, body: received }
  }

  return {
    logs,
    process: child,
    address,
    contract,
    client: (token) => ({
      get: (path, headers = {}) => request('GET', path, token, undefined, headers),
      send: (method, path, body, headers = {}) => request(method, path, token, body, headers),
    }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

/** A worker has no address to wait for: what it did is seen in the database. */
export interface WorkerProcess {
  readonly process: ChildProcess
  /** Asks it to end, and answers its exit code. */
  stop(): Promise<number | null>
}

export function startWorker(env: Record<string, string>): WorkerProcess {
  const child = spawn(process.execPath, [MAIN, 'serve', '--role', 'worker'], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return {
    process: child,
    async stop() {
      child.kill('SIGTERM')
      const [code] = (await once(child, 'exit')) as [number | null]
      return code
    },
  }
}
