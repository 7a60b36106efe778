// Commits and tags: from git's text to fields, and back.

import type { ObjectKind } from './object-id.ts'
import { formatSignature, parseSignature, type Signature } from './signature.ts'

export interface CommitFields {
  tree: string
  parents: readonly string[]
  author: Signature
  committer: Signature
  message: Buffer
}

export interface Commit extends CommitFields {
  oid: string
  encoding: string
}

export interface TagFields {
  target: string
  targetKind: ObjectKind
  name: string
  tagger: Signature | undefined
  message: Buffer
}

export function formatCommit({ tree, parents, author, committer, message }: CommitFields): Buffer {
  const head = [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${formatSignature(author)}`,
    `committer ${formatSignature(committer)}`,
  ]
  return Buffer.concat([Buffer.from(`${head.join('\n')}\n\n`, 'latin1'), message])
}

export function parseCommit(oid: string, content: Buffer): Commit {
  const { headers, message } = parseHeaders(content)
  const first = (name: string) => headers.find(([key]) => key === name)?.[1] ?? ''
  return {
    oid,
    tree: first('tree'),
    parents: headers.filter(([key]) => key === 'parent').map(([, value]) => value),
    author: parseSignature(first('author')),
    committer: parseSignature(first('committer')),
    encoding: first('encoding'),
    message,
  }
}

export function formatTag({ target, targetKind, name, tagger, message }: TagFields): Buffer {
  const head = [`object ${target}`, `type ${targetKind}`, `tag ${name}`]
  if (tagger) head.push(`tagger ${formatSignature(tagger)}`)
  return Buffer.concat([Buffer.from(`${head.join('\n')}\n\n`, 'latin1'), message])
}

export function parseTag(content: Buffer): TagFields {
  const { headers, message } = parseHeaders(content)
  const first = (name: string) => headers.find(([key]) => key === name)?.[1]
  const tagger = first('tagger')
  return {
    target: first('object') ?? '',
    targetKind: (first('type') ?? 'commit') as ObjectKind,
    name: first('tag') ?? '',
    tagger: tagger === undefined ? undefined : parseSignature(tagger),
    message,
  }
}

/** Header lines up to an empty one; a line that starts with a space continues the one before (signatures do that). */
function parseHeaders(content: Buffer): { headers: [string, string][]; message: Buffer } {
  const end = content.indexOf('\n\n')
  const head = (end < 0 ? content : content.subarray(0, end)).toString('latin1')
  const headers: [string, string][] = []
  for (const line of head.split('\n')) {
    if (line === '' || line.startsWith(' ')) continue
    const space = line.indexOf(' ')
    headers.push([line.slice(0, space), line.slice(space + 1)])
  }
  // A copy: a slice would keep the whole chunk alive that git's answer came in.
  return { headers, message: end < 0 ? Buffer.alloc(0) : Buffer.from(content.subarray(end + 2)) }
}
