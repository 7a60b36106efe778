// A repository of the size that the requirements speak of: more than 10,000 files in more than 500 directories, with
// hundreds of commits behind them. The same one each time, made by `git fast-import` in about two seconds.

import { gitOn } from './temporary-backend.ts'

export const LARGE = {
  /** 24 areas of 25 services, each a directory with a directory of its own. */
  areas: 24,
  services: 25,
  /** In each service's directory, and one less in the one below it. */
  files: 12,
  /** Small commits on `main` before the two below. */
  commits: 400,
  /** Files that the commit on `wide` changes, on top of `main`. */
  changed: 1500,
} as const

export interface LargeRepository {
  /** Every file of `main`, sorted as git sorts paths, with its content. */
  files: Map<string, string>
  directories: number
  bytes: number
}

/** A generator of numbers below 2^32 that are always the same ones (xorshift). */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const KEYS = ['name', 'image', 'replicas', 'timeout_ms', 'memory', 'endpoint', 'owner', 'enabled', 'retries', 'region']

export function importLargeRepository(directory: string): LargeRepository {
  const random = numbers(20_250_601)
  const line = () => `${KEYS[random(KEYS.length)]}: ${random(1_000_000).toString(36)}\n`
  /** Configuration is mostly short, sometimes long, and rarely very long: 400 bytes to 300 KiB, 3 KiB on average. */
  const text = () => {
    const size = random(100)
    const lines = size < 80 ? 20 + random(60) : size < 99 ? 150 + random(600) : 5000 + random(10_000)
    return Array.from({ length: lines }, line).join('')
  }
  const pad = (value: number) => String(value).padStart(2, '0')
  const paths: string[] = ['README.md', 'CODEOWNERS']
  for (let area = 0; area < LARGE.areas; area++) {
    for (let service = 0; service < LARGE.services; service++) {
      const home = `area-${pad(area)}/service-${pad(service)}`
      for (let file = 0; file < LARGE.files; file++) paths.push(`${home}/config-${pad(file)}.yaml`)
      for (let file = 1; file < LARGE.files; file++) paths.push(`${home}/overrides/stage-${pad(file)}.yaml`)
    }
  }
  const files = new Map(paths.map((path) => [path, text()]))
  let seconds = 1_600_000_000
  const parts: string[] = []
  const commit = (branch: string, message: string, changes: Iterable<readonly [string, string]>, from?: string) => {
    seconds += 3600
    parts.push(
      `commit refs/heads/${branch}\ncommitter Seed <seed@example.com> ${seconds} +0000\n`,
      `data ${Buffer.byteLength(message)}\n${message}\n`,
      from === undefined ? '' : `from refs/heads/${from}\n`,
    )
    for (const [path, content] of changes) parts.push(`M 100644 inline ${path}\ndata ${content.length}\n${content}\n`)
  }
  /** The text with one line of it changed. */
  const edited = (content: string) => {
    const lines = content.split('\n')
    lines[random(lines.length - 1)] = `revision: ${random(1_000_000)}`
    return lines.join('\n')
  }
  const some = (count: number): [string, string][] => {
    const chosen = new Set<string>()
    while (chosen.size < count) chosen.add(paths[random(paths.length)]!)
    return [...chosen].map((path) => [path, edited(files.get(path)!)])
  }
  commit('main', 'first', files)
  for (let index = 0; index < LARGE.commits; index++) {
    const changes = some(1 + random(12))
    for (const [path, content] of changes) files.set(path, content)
    commit('main', `change ${index}`, changes)
  }
  commit('wide', 'everywhere', some(LARGE.changed), 'main')
  gitOn(directory, ['fast-import', '--quiet'], parts.join(''))
  return {
    files,
    directories: LARGE.areas * (1 + 2 * LARGE.services),
    bytes: [...files.values()].reduce((sum, content) => sum + content.length, 0),
  }
}
