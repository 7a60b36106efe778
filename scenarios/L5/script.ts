// k6 only: the tree, files and the diff of a large repository are read through the API. One process runs one list of
// prepared requests, in its order, shared by a number of readers. Nothing is judged here: every reading is a sample with a
// digest of what came, from which Node tells whether it was right.

import { md5, sha256 } from 'k6/crypto'
import encoding from 'k6/encoding'
import exec from 'k6/execution'
import { Trend } from 'k6/metrics'
import type { Options } from 'k6/options'
import { ask, guarded, optionsOf, readSettings, warm } from '../lib/k6-side.ts'
import type { ReadSettings } from '../lib/settings.ts'

export { handleSummary } from '../lib/k6-side.ts'

const settings = readSettings<ReadSettings>()
const { requests, warmUps, limitsMs } = settings
const waited = new Trend('reading_ms', true)

const kinds = ['tree', 'file', 'diff'] as const

export const options: Options = optionsOf({
  scenarios: {
    reading: {
      executor: 'shared-iterations',
      exec: 'read',
      vus: settings.readers,
      iterations: requests.length,
      maxDuration: '20m',
      gracefulStop: `${settings.requestTimeoutS}s`,
    },
  },
  warmers: warmUps.length,
  iterations: requests.length,
  thresholds: Object.fromEntries(kinds.map((kind) => [`reading_ms{kind:${kind}}`, [`max<=${limitsMs[kind]}`]])),
  manners: settings,
})

export function warm_up(): void {
  const { path, token } = warmUps[exec.scenario.iterationInTest % warmUps.length]!
  warm(`${settings.baseUrl}${path}`, token)
}

export function read(): void {
  guarded(() => {
    const { subject, kind, path, token } = requests[exec.scenario.iterationInTest]!
    const { status, error, body, waited_ms } = ask(`${settings.baseUrl}${path}`, {
      token,
      name: NAMES[kind],
      timeoutS: settings.requestTimeoutS,
    })
    const { count, digest } = CONTENT[kind](body)
    waited.add(waited_ms, {
      kind,
      subject: String(subject),
      status: String(status),
      error,
      count,
      digest,
    })
  })
}

const NAMES = {
  tree: 'GET /api/apps/{appId}/workspaces/{workspaceId}/files',
  file: 'GET /api/apps/{appId}/workspaces/{workspaceId}/files?path',
  diff: 'GET /api/apps/{appId}/changesets/{changesetId}/diff',
}

interface Content {
  count: string
  digest: string
}
const NONE: Content = { count: '', digest: '' }

/** What an answer holds, as the witness (witness.ts) tells it of git; nothing where it holds no such thing. */
const CONTENT: Record<(typeof kinds)[number], (body: string) => Content> = {
  tree(body) {
    const entries = dataOf<{ entries?: { path: string; type: string; oid: string }[] }>(body)?.entries
    if (!Array.isArray(entries)) return NONE
    return digestOf(entries.map(({ path, type, oid }) => `${type} ${oid} ${path.slice(path.lastIndexOf('/') + 1)}`))
  },
  file(body) {
    const content = dataOf<{ content?: string }>(body)?.content
    if (typeof content !== 'string') return NONE
    const bytes = encoding.b64decode(content)
    return { count: String(bytes.byteLength), digest: sha256(bytes, 'hex') }
  },
  diff(body) {
    const files = dataOf<{ path: string; additions: number; deletions: number }[]>(body)
    if (!Array.isArray(files)) return NONE
    return digestOf(files.map(({ path, additions, deletions }) => `${additions} ${deletions} ${path}`))
  },
}

function dataOf<T>(body: string): T | undefined {
  try {
    return (JSON.parse(body) as { data?: T }).data
  } catch {
    return undefined
  }
}

/** In the order of the text: what a listing is sorted by is not asked here. */
function digestOf(lines: string[]): Content {
  return { count: String(lines.length), digest: md5(lines.sort().join('\n'), 'hex') }
}
