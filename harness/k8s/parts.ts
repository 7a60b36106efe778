// What the pods left, as one load: samples together, thresholds together, the worst exit code. A part that left nothing, or
// says nothing of its end, is told as a fault of the generator and never filled in.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HarnessError } from '../errors.ts'
import { type Generator, type K6Result, type K6Sample, readSamples, readSummary, tailOf } from '../k6.ts'
import { ClientRequests } from '../server-side/client.ts'
import { recordOf } from '../target/conman.ts'
import { partName } from './manifests.ts'

/** Written by `kubectl get pods … -o json`. */
const PODS_FILE = 'pods.json'

/** Of each pod's log; the last of all are those of a pod that broke. */
const LOG_LINES = 5

export async function readParts(
  folder: string,
  load: { name: string; parallelism: number; metrics: readonly string[]; k6_version: string; since: Date },
): Promise<K6Result> {
  const exits = exitsOf(folder)
  const client = new ClientRequests()
  const parts = await Promise.all(
    Array.from({ length: load.parallelism }, (_, index) => readPart(folder, load, index + 1, exits, client)),
  )
  const samples = parts.flatMap((part) => part.samples)
  const counters: Record<string, number> = {}
  for (const part of parts) {
    for (const [name, value] of Object.entries(part.counters)) counters[name] = (counters[name] ?? 0) + value
  }
  return { generator: together(parts, samples, load), samples, counters, client: client.record() }
}

interface Part {
  name: string
  samples: K6Sample[]
  counters: Record<string, number>
  summary: ReturnType<typeof readSummary>
  /** Null where nothing says it. */
  exit_code: number | null
  log_tail: string[]
}

async function readPart(
  folder: string,
  { name: run, metrics }: Parameters<typeof readParts>[1],
  part: number,
  exits: ReadonlyMap<string, number>,
  client: ClientRequests,
): Promise<Part> {
  const name = partName(run, part)
  const file = join(folder, `${name}.json.gz`)
  const { samples, counters } = await readSamples(file, new Set(metrics), client)
  // The operator tags each sample with its pod's number: a file that was copied under another's name is not a part.
  const stranger = samples.find(({ tags }) => tags.instance_id !== undefined && tags.instance_id !== String(part))
  if (stranger !== undefined) {
    throw new HarnessError(
      `${file} holds samples of pod ${stranger.tags.instance_id}`,
      'collect the samples again, as the README beside it says',
    )
  }
  const ended = samples.filter(({ tags }) => tags.status !== undefined)
  if (ended.length > 0 && ended.every(({ tags }) => tags.status === '0')) {
    throw new HarnessError(
      `pod ${name} got no answer to any of ${ended.length} requests (${ended[0]!.tags.error ?? ''}), while the target answers here`,
      'see that pods of this namespace can reach the target’s address',
    )
  }
  return {
    name,
    samples,
    counters,
    // Fresh by its name, which no other load has; the clocks of other machines are not ours.
    summary: readSummary(join(folder, `${name}.summary.json`), new Date(0)),
    exit_code: exits.get(name) ?? null,
    log_tail: tailOf(join(folder, `${name}.log`), LOG_LINES).map((line) => `${name}: ${line}`),
  }
}

function together(
  parts: readonly Part[],
  samples: readonly K6Sample[],
  { k6_version, since }: Parameters<typeof readParts>[1],
): Generator {
  const codes = parts.map(({ exit_code }) => exit_code)
  const unknown = parts.filter(({ exit_code }) => exit_code === null).map(({ name }) => name)
  const broken = parts.find(({ exit_code }) => exit_code !== null && exit_code !== 0 && exit_code !== 99)
  const thresholds = new Map<string, Generator['thresholds'][number]>()
  for (const one of parts.flatMap(({ summary }) => summary?.thresholds ?? [])) {
    const key = `${one.metric} ${one.threshold}`
    thresholds.set(key, { ...one, ok: one.ok && (thresholds.get(key)?.ok ?? true) })
  }
  const starts = samples.map(({ time_ms, value, metric }) => (metric.endsWith('_ms') ? time_ms - value : time_ms))
  const first = starts.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const last = samples.reduce((latest, { time_ms }) => Math.max(latest, time_ms), Number.NEGATIVE_INFINITY)
  const at = (ms: number) => (Number.isFinite(ms) ? new Date(ms) : since).toISOString()
  return {
    k6_version,
    exit_code: broken?.exit_code ?? (unknown.length > 0 ? null : codes.includes(99) ? 99 : 0),
    signal: null,
    summary_fresh: parts.every(({ summary }) => summary !== null),
    thresholds: [...thresholds.values()],
    dropped_iterations: parts.reduce((sum, { summary }) => sum + (summary?.dropped ?? 0), 0),
    started_at: at(first),
    finished_at: at(last),
    cpu_s: null,
    cpu_share: null,
    pulse_lag_ms_max: 0,
    processes_elsewhere: parts.length,
    log_tail: [
      ...parts.filter((part) => part !== broken).flatMap(({ log_tail }) => log_tail),
      ...(broken?.log_tail ?? []),
      ...(unknown.length === 0 ? [] : [`${PODS_FILE} does not say how ${unknown.join(', ')} ended`]),
    ],
  }
}

/** Exit codes of the k6 containers, by the name of their job. */
function exitsOf(folder: string): Map<string, number> {
  const file = join(folder, PODS_FILE)
  const exits = new Map<string, number>()
  if (!existsSync(file)) return exits
  let pods: unknown
  try {
    pods = recordOf(JSON.parse(readFileSync(file, 'utf8')))?.items
  } catch (cause) {
    throw new HarnessError(`${file} is not JSON`, 'write it with `kubectl get pods … -o json`', { cause })
  }
  for (const pod of Array.isArray(pods) ? pods : []) {
    const labels = recordOf(recordOf(recordOf(pod)?.metadata)?.labels)
    const containers = recordOf(recordOf(pod)?.status)?.containerStatuses
    const job = labels?.['job-name']
    for (const container of Array.isArray(containers) ? containers : []) {
      const { name, state } = recordOf(container) ?? {}
      const code = recordOf(recordOf(state)?.terminated)?.exitCode
      if (name === 'k6' && typeof job === 'string' && typeof code === 'number') exits.set(job, code)
    }
  }
  return exits
}
