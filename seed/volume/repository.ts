// A repository as `git fast-import` takes it: configuration files with sizes as they are found in practice, months of
// commits by several people, a branch for each workspace, a tag for each release. Pure; follows from its label.

import { importData } from '../git.ts'
import { numbersFrom } from './numbers.ts'
import type { PlannedApp } from './plan.ts'
import { DAY_MS, type RepositoryShape, VOLUME } from './shape.ts'

/** Marks a repository that was written to its end. Not a branch and not a tag: no client sees it. */
export const SEEDED_REF = 'refs/readiness/volume-1'

export interface Person {
  name: string
  email: string
}

export function pathsOf(shape: RepositoryShape): string[] {
  const two = (value: number) => String(value).padStart(2, '0')
  const paths = ['README.md', 'CODEOWNERS', 'config/defaults/settings.json']
  for (let file = 0; file < shape.catalogue; file += 1)
    paths.push(`catalogue/entry-${String(file).padStart(4, '0')}.yaml`)
  for (let area = 0; area < shape.areas; area += 1) {
    for (let service = 0; service < shape.services; service += 1) {
      const home = `area-${two(area)}/service-${two(service)}`
      for (let file = 0; file < shape.files; file += 1) paths.push(`${home}/config-${two(file)}.yaml`)
      for (let file = 1; file < shape.files; file += 1) paths.push(`${home}/overrides/stage-${two(file)}.yaml`)
    }
  }
  return paths
}

/** Every directory above at least one file. */
export function directoriesOf(paths: readonly string[]): Set<string> {
  const directories = new Set<string>()
  for (const path of paths) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) directories.add(path.slice(0, at))
  }
  return directories
}

const KEYS = ['name', 'image', 'replicas', 'timeout_ms', 'memory', 'endpoint', 'owner', 'enabled', 'retries', 'region']
const LINE_BYTES = 18

export function* repositoryImport(
  app: PlannedApp,
  authors: readonly Person[],
  tags: ReadonlyMap<number, readonly string[]>,
  until_ms: number,
): Generator<string> {
  const numbers = numbersFrom(`${app.name} repository`)
  const line = () => `${numbers.pick(KEYS)}: ${numbers.below(1_000_000).toString(36)}\n`
  /** Half of the files are below 1.2 kB, one in a hundred is above 15 kB. */
  const text = () =>
    Array.from({ length: Math.ceil(numbers.logNormal(1_200, 1.1, 400_000) / LINE_BYTES) }, line).join('')
  const edited = (content: string) => {
    const lines = content.split('\n')
    lines[numbers.below(Math.max(1, lines.length - 1))] = `revision: ${numbers.below(1_000_000)}`
    return lines.join('\n')
  }
  const paths = pathsOf(app.repository)
  const files = new Map(paths.map((path) => [path, text()]))
  const some = (count: number): [string, string][] =>
    // A whole shuffle only where much of it is taken.
    (count > paths.length / 20
      ? numbers.shuffled(paths).slice(0, count)
      : [...new Set(Array.from({ length: count }, () => numbers.pick(paths)))]
    ).map((path) => [path, edited(files.get(path)!)])

  const span_ms = VOLUME.days * DAY_MS
  const at_ms = (commit: number) => until_ms - span_ms + Math.floor((span_ms * commit) / app.repository.commits)
  const header = (branch: string, author: Person, when_ms: number, message: string) =>
    `commit refs/heads/${branch}\ncommitter ${author.name} <${author.email}> ${Math.floor(when_ms / 1_000)} +0000\n${importData(message)}`
  const modify = ([path, content]: [string, string]) => `M 100644 inline ${path}\n${importData(content)}`

  for (let commit = 0; commit < app.repository.commits; commit += 1) {
    const changes = commit === 0 ? [...files] : some(numbers.logNormal(3, 0.8, 40))
    for (const [path, content] of changes) files.set(path, content)
    // The first one begins anew: the repository's own first commit is as young as the stack.
    if (commit === 0) yield 'reset refs/heads/main\n'
    yield header(
      'main',
      numbers.pick(authors),
      at_ms(commit),
      commit === 0 ? 'Begin the configuration' : `Change ${commit}`,
    )
    for (const change of changes) yield modify(change)
    for (const tag of tags.get(commit) ?? []) yield `reset refs/tags/${tag}\nfrom refs/heads/main\n`
    for (const { branch, from, files: count, number } of app.workspaces) {
      if (from !== commit) continue
      if (count === 0) {
        yield `reset refs/heads/${branch}\nfrom refs/heads/main\n`
        continue
      }
      yield header(branch, numbers.pick(authors), at_ms(commit) + 60_000, `Work of workspace ${number}`)
      yield 'from refs/heads/main\n'
      for (const change of some(count)) yield modify(change)
    }
  }
  yield `reset ${SEEDED_REF}\nfrom refs/heads/main\n`
  yield 'done\n'
}
