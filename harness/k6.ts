// Runs one k6 script and brings home what it measured: the samples, the summary, the exit code, and how the generator
// itself fared. Judges nothing. k6 fails open in many ways (guides: load), so each is recorded here for the judge to see.

import { spawn } from 'node:child_process'
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { getCACertificates } from 'node:tls'
import { createGunzip } from 'node:zlib'
import { build } from 'esbuild'
import { type Static, Type } from 'typebox'
import { HarnessError } from './errors.ts'
import type { Run } from './run.ts'
import { type ClientRecord, ClientRequests, K6_REQUESTS } from './server-side/client.ts'
import { cpuSeconds, signal as signalTo } from './stack/process-table.ts'

/** How the load generator fared. Beside every figure of a load check stands the proof that its instrument was sound. */
export const GeneratorSchema = Type.Object(
  {
    k6_version: Type.String(),
    exit_code: Type.Union([Type.Integer(), Type.Null()]),
    signal: Type.Union([Type.String(), Type.Null()]),
    /** k6 wrote a summary in this very run. */
    summary_fresh: Type.Boolean(),
    thresholds: Type.Array(Type.Object({ metric: Type.String(), threshold: Type.String(), ok: Type.Boolean() })),
    dropped_iterations: Type.Integer(),
    started_at: Type.String(),
    finished_at: Type.String(),
    /** CPU time of k6 in seconds, and as a share of all cores over its run time. Null where the system does not tell. */
    cpu_s: Type.Union([Type.Number(), Type.Null()]),
    cpu_share: Type.Union([Type.Number(), Type.Null()]),
    /** Largest delay of a 10 ms timer in an otherwise idle process beside k6: how long this machine kept a ready process waiting. */
    pulse_lag_ms_max: Type.Number(),
    /** How many processes made the load where this harness cannot look; absent where k6 ran beside it. */
    processes_elsewhere: Type.Optional(Type.Integer()),
    log_tail: Type.Array(Type.String()),
  },
  { additionalProperties: false },
)
export type Generator = Static<typeof GeneratorSchema>

export interface K6Sample {
  metric: string
  /** When the sample was taken, in milliseconds since the epoch. */
  time_ms: number
  value: number
  tags: Record<string, string>
}

export interface K6Result {
  generator: Generator
  samples: K6Sample[]
  counters: Record<string, number>
  /** Every request that k6 sent, whatever the script measured of it. */
  client: ClientRecord
}

/** A load that is ready to be made. Its files do not outlive the call that they are handed to. */
export interface PreparedLoad {
  label: string
  /** The bundle. */
  script: string
  /** With tokens. */
  settingsFile: string
  /** Certificates that whoever makes it is to trust; absent where the target is asked without TLS. */
  authoritiesFile?: string
  metrics: readonly string[]
}

/** Has a load made on other machines, and brings home what it measured. */
export type Elsewhere = (run: Run, load: PreparedLoad) => Promise<K6Result>

/** Bundles a script for k6: one file, nothing fetched at run time. */
export async function bundleScript(entry: string, folder: string): Promise<string> {
  const outfile = join(folder, 'script.js')
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2022',
    external: ['k6', 'k6/*'],
    sourcemap: 'inline',
    charset: 'utf8',
    logLevel: 'silent',
  }).catch((cause: unknown) => {
    throw new HarnessError(`the load script ${entry} cannot be bundled: ${cause}`, 'run `npm run typecheck`', { cause })
  })
  return outfile
}

/** The environment of every k6: offline, silent about usage, without a dashboard. */
export function k6Environment(extra: Record<string, string>): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    K6_NO_USAGE_REPORT: 'true',
    K6_AUTO_EXTENSION_RESOLUTION: 'false',
    K6_WEB_DASHBOARD: 'false',
    ...extra,
  }
}

/** A hard cap where the target is not ours; and a redirect is an answer, never a way for credentials to go elsewhere. */
function boundFlags({ target }: Run): string[] {
  const { loadBounds } = target
  return [
    '--max-redirects',
    '0',
    ...(loadBounds === undefined ? [] : ['--rps', String(Math.floor(loadBounds.requests_per_s_max))]),
  ]
}

/**
 * The authorities that the harness itself trusts, and the private one beside them: where k6 trusted others, whole loads would
 * fail by a certificate that nothing is wrong with.
 */
function trust({ target }: Run, folder: string): Record<string, string> {
  if (!target.baseUrl.startsWith('https:')) return {}
  const file = join(folder, 'authorities.pem')
  const named = target.caFile === undefined ? [] : [readFileSync(target.caFile, 'utf8')]
  writeFileSync(file, [...getCACertificates('default'), ...named].join('\n'))
  return { SSL_CERT_FILE: file }
}

/**
 * Runs `entry` with `settings` and keeps the samples of `metrics`.
 * `folder` is private and temporary: it holds the tokens that the script needs.
 */
export async function runK6(
  run: Run,
  input: {
    entry: string
    settings: unknown
    metrics: readonly string[]
    /** Seconds after which k6 is taken for stuck and ended. */
    bound_s: number
    label: string
    /** Told when k6 has been started: its set-up and its first scenario begin now. */
    onStarted?: (() => void) | undefined
  },
): Promise<K6Result> {
  const folder = run.temporaryFolder('k6')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const settingsFile = join(folder, 'settings.json')
  const summaryFile = join(folder, 'summary.json')
  const samplesFile = join(folder, 'samples.json.gz')
  const logFile = join(folder, 'k6.log')
  writeFileSync(settingsFile, JSON.stringify(input.settings), { mode: 0o600 })
  const script = await bundleScript(input.entry, folder)
  const k6 = run.tool('k6')
  const environment = { READINESS_SETTINGS: settingsFile, READINESS_SUMMARY: summaryFile }
  const flags = Object.entries(environment).flatMap(([name, value]) => ['-e', `${name}=${value}`])

  // A script that k6 cannot load ends here, with its message, and not as a run without samples.
  await inspect(k6.path, script, flags)

  const trusted = trust(run, folder)
  if (run.elsewhere !== undefined) {
    const { SSL_CERT_FILE: authoritiesFile } = trusted
    const { label, metrics } = input
    const files = { script, settingsFile, ...(authoritiesFile === undefined ? {} : { authoritiesFile }) }
    const result = await run.elsewhere(run, { label, metrics, ...files })
    rmSync(folder, { recursive: true, force: true })
    return result
  }
  const log = openSync(logFile, 'w')
  const started = new Date()
  const child = spawn(
    k6.path,
    [
      'run',
      '--quiet',
      '--no-color',
      '--address',
      '',
      '--out',
      `json=${samplesFile}`,
      ...boundFlags(run),
      ...flags,
      script,
    ],
    {
      cwd: folder,
      env: k6Environment({ ...run.marker(), ...trusted }),
      stdio: ['ignore', log, log],
      detached: true,
    },
  )
  closeSync(log)
  const release = run.adopt(child, `k6 ${input.label}`)
  input.onStarted?.()
  const pulse = monitorEventLoopDelay({ resolution: 10 })
  pulse.enable()
  let cpu_s: number | null = null
  const ticker = setInterval(() => {
    if (child.pid !== undefined) cpu_s = cpuSeconds(child.pid) ?? cpu_s
    const elapsed = (Date.now() - started.getTime()) / 1_000
    run.progress.update(`${input.label}: load is running, ${elapsed.toFixed(0)} s`)
  }, 250)
  let ended: { code: number | null; signal: string | null }
  try {
    ended = await waitForExit(child, run.signal, input.bound_s)
  } finally {
    clearInterval(ticker)
    pulse.disable()
    release()
  }
  const finished = new Date()
  const elapsed_s = (finished.getTime() - started.getTime()) / 1_000
  run.signal.throwIfAborted()

  const summary = readSummary(summaryFile, started)
  const client = new ClientRequests()
  const { samples, counters } = await readSamples(samplesFile, new Set(input.metrics), client)
  const generator: Generator = {
    k6_version: k6.version,
    exit_code: ended.code,
    signal: ended.signal,
    summary_fresh: summary !== null,
    thresholds: summary?.thresholds ?? [],
    dropped_iterations: summary?.dropped ?? 0,
    started_at: started.toISOString(),
    finished_at: finished.toISOString(),
    cpu_s,
    cpu_share: cpu_s === null ? null : cpu_s / (elapsed_s * run.machine.cpus),
    pulse_lag_ms_max: Math.max(0, pulse.max / 1e6 - 10),
    log_tail: tailOf(logFile, 20),
  }
  rmSync(folder, { recursive: true, force: true })
  return { generator, samples, counters, client: client.record() }
}

async function inspect(k6: string, script: string, flags: string[]): Promise<void> {
  const child = spawn(k6, ['inspect', '--execution-requirements', ...flags, script], {
    env: k6Environment({}),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  if (code !== 0) {
    throw new HarnessError(
      `k6 cannot load the bundled script (exit code ${code}): ${stderr.trim().split('\n').at(-1) ?? ''}`,
      'this is a fault of the harness: please report it with `./readiness doctor`',
    )
  }
}

async function waitForExit(
  child: ReturnType<typeof spawn>,
  signal: AbortSignal,
  bound_s: number,
): Promise<{ code: number | null; signal: string | null }> {
  const exit = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, name) => resolve({ code, signal: name }))
  })
  const end = () => {
    if (child.pid !== undefined && child.exitCode === null) signalTo(-child.pid, 'SIGKILL')
  }
  const late = setTimeout(end, bound_s * 1_000)
  signal.addEventListener('abort', end, { once: true })
  try {
    return await exit
  } finally {
    clearTimeout(late)
    signal.removeEventListener('abort', end)
  }
}

interface Summary {
  thresholds: Generator['thresholds']
  dropped: number
}

export function readSummary(path: string, notBefore: Date): Summary | null {
  if (!existsSync(path) || statSync(path).mtimeMs < notBefore.getTime() - 1_000) return null
  try {
    const data = JSON.parse(readFileSync(path, 'utf8')) as {
      metrics?: Record<string, { values?: Record<string, number>; thresholds?: Record<string, { ok?: boolean }> }>
    }
    const thresholds: Generator['thresholds'] = []
    for (const [metric, entry] of Object.entries(data.metrics ?? {})) {
      for (const [threshold, result] of Object.entries(entry.thresholds ?? {})) {
        thresholds.push({ metric, threshold, ok: result.ok === true })
      }
    }
    return { thresholds, dropped: data.metrics?.dropped_iterations?.values?.count ?? 0 }
  } catch {
    return null
  }
}

/** `client`: gathers every request of the file, beside what other files of the same load hold. */
export async function readSamples(
  path: string,
  wanted: ReadonlySet<string>,
  client: ClientRequests,
): Promise<Pick<K6Result, 'samples' | 'counters'>> {
  const samples: K6Sample[] = []
  const counters: Record<string, number> = {}
  if (!existsSync(path)) return { samples, counters }
  const lines = createInterface({
    input: createReadStream(path).pipe(createGunzip()),
    crlfDelay: Number.POSITIVE_INFINITY,
  })
  try {
    for await (const line of lines) {
      // Cheap sieve before JSON: most lines are k6's own metrics.
      if (!line.includes('"Point"') || /"metric":"(?:http_req_(?!duration)|data_|vus|iteration|checks)/.test(line))
        continue
      const point = JSON.parse(line) as {
        metric: string
        data: { time: string; value: number; tags?: Record<string, string> }
      }
      const { metric, data } = point
      if (!wanted.has(metric) && metric !== K6_REQUESTS) continue
      const sample = { metric, time_ms: Date.parse(data.time), value: data.value, tags: data.tags ?? {} }
      if (metric === K6_REQUESTS) client.add(sample)
      if (!wanted.has(metric)) continue
      counters[metric] = (counters[metric] ?? 0) + data.value
      samples.push(sample)
    }
  } catch {
    // A k6 that was killed leaves a stream cut short: what could be read is kept, the exit code tells the rest.
  }
  return { samples, counters }
}

export function tailOf(path: string, lines: number): string[] {
  try {
    return readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '')
      .slice(-lines)
      .map((line) => line.slice(0, 500))
  } catch {
    return []
  }
}
