// What git itself says of everything that the reading load reads: the other side of each digest.

import { createHash } from 'node:crypto'
import type { GitRepository } from '../../harness/git.ts'
import { sha256 } from '../../harness/target/conman.ts'
import type { ReadingEvidence } from './evidence.ts'

export type Subject = ReadingEvidence['subjects'][number]

export async function witnessTree(repository: GitRepository, revision: string, path: string): Promise<Subject> {
  const entries = await repository.entriesOf(revision, path)
  return {
    kind: 'tree',
    label: path === '' ? 'the root' : path,
    ...digestOf(entries.map(({ kind, oid, name }) => `${kind} ${oid} ${name}`)),
  }
}

export async function witnessFiles(
  repository: GitRepository,
  revision: string,
  paths: readonly string[],
): Promise<Subject[]> {
  const contents = await repository.readFiles(paths.map((path) => ({ revision, path })))
  return paths.map((path, index) => {
    const bytes = contents[index]!
    return { kind: 'file', label: path, count: bytes.length, digest: sha256(bytes) }
  })
}

export async function witnessDiff(repository: GitRepository, base: string, head: string): Promise<Subject> {
  const changes = await repository.changesBetween(base, head)
  return {
    kind: 'diff',
    label: `${base.slice(0, 8)}…${head.slice(0, 8)}`,
    ...digestOf(changes.map(({ path, additions, deletions }) => `${additions} ${deletions} ${path}`)),
  }
}

/** As the load script makes it of an answer (script.ts). */
function digestOf(lines: string[]): { count: number; digest: string } {
  return { count: lines.length, digest: createHash('md5').update(lines.sort().join('\n')).digest('hex') }
}
