// Another load generator than k6: requests at a constant rate by vegeta, one after the other of a list. For the cross-check
// alone; no verdict rests on it.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HarnessError } from '../errors.ts'
import type { Run } from '../run.ts'
import type { Tool } from '../toolchain/resolve.ts'
import { lastLines, runProgram } from '../toolchain/run-program.ts'

export interface Attack {
  /** Sent in this order, again from the first one where the time is longer. */
  requests: readonly { url: string; token: string }[]
  ratePerS: number
  durationS: number
}

export interface Hit {
  /** When it was sent, in milliseconds since the epoch. */
  started_ms: number
  duration_ms: number
  /** 0: no answer. */
  status: number
}

const REQUEST_TIMEOUT_S = 30

export async function attack(run: Pick<Run, 'temporaryFolder' | 'signal'>, tool: Tool, load: Attack): Promise<Hit[]> {
  const folder = run.temporaryFolder('vegeta')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  try {
    const targets = join(folder, 'targets.jsonl')
    const results = join(folder, 'results.bin')
    const hits = join(folder, 'hits.csv')
    const lines = load.requests.map(({ url, token }) =>
      JSON.stringify({ method: 'GET', url, header: { Authorization: [`Bearer ${token}`] } }),
    )
    writeFileSync(targets, `${lines.join('\n')}\n`, { mode: 0o600 })
    const vegeta = async (args: string[], within_s: number) => {
      const result = await runProgram(tool.path, args, { within_ms: within_s * 1_000, signal: run.signal })
      if (result.code !== 0) {
        throw new HarnessError(
          `vegeta ${args[0]} ${result.timedOut ? `did not end within ${within_s} s` : `failed: ${lastLines(result, 3)}`}`,
          'see `./readiness doctor`',
        )
      }
      return result
    }
    await vegeta(
      [
        'attack',
        '-format=json',
        `-targets=${targets}`,
        `-output=${results}`,
        `-rate=${load.ratePerS}/1s`,
        `-duration=${load.durationS}s`,
        `-timeout=${REQUEST_TIMEOUT_S}s`,
        '-redirects=-1',
        '-http2=false',
        // Bodies are read to their end, and not kept.
        '-max-body=0',
      ],
      load.durationS + 2 * REQUEST_TIMEOUT_S,
    )
    await vegeta(['encode', '-to=csv', `-output=${hits}`, results], 60)
    return hitsOf(readFileSync(hits, 'utf8'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Of vegeta's columns the first three: when (ns), status, latency (ns). None of them has a comma in it. */
export function hitsOf(csv: string): Hit[] {
  return csv
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [at_ns = '', status = '', latency_ns = ''] = line.split(',', 3)
      const hit = { started_ms: Number(at_ns) / 1e6, duration_ms: Number(latency_ns) / 1e6, status: Number(status) }
      if (!Object.values(hit).every(Number.isFinite)) {
        throw new HarnessError(`vegeta wrote a result that cannot be read: ${line.slice(0, 200)}`, 'report it')
      }
      return hit
    })
    .sort((a, b) => a.started_ms - b.started_ms)
}
