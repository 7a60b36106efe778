// What the responses of several services have in common: commits, tags, and lists cut into messages.

import { type Commit, parseTag } from '../git/commit-object.ts'
import type { Reference, Repository } from '../git/repository.ts'
import type { Signature } from '../git/signature.ts'
import type { CommitAuthor, GitCommit, Tag } from '../messages.ts'

/** A message of a list stays below 1 MiB, as Gitaly's do: clients take 4 MiB at most. */
const LIST_BYTES_MAX = 1024 * 1024 - 64 * 1024

/**
 * What a reply tells of the message of a commit or a tag. Gitaly cuts at 10 KiB already; this is as much as leaves room for
 * the subject and the body of a commit and for the tag on it in one message of a list.
 */
const TEXT_BYTES_MAX = 256 * 1024

/** What a message of data carries: Gitaly's 128 KiB. */
export const CHUNK_BYTES = 128 * 1024

export function toGitCommit(commit: Commit): GitCommit {
  const lineEnd = commit.message.indexOf(10)
  const subject = lineEnd < 0 ? commit.message : commit.message.subarray(0, lineEnd)
  return {
    id: commit.oid,
    subject: (subject.at(-1) === 13 ? subject.subarray(0, -1) : subject).subarray(0, TEXT_BYTES_MAX),
    body: commit.message.subarray(0, TEXT_BYTES_MAX),
    body_size: commit.message.length,
    author: toCommitAuthor(commit.author),
    committer: toCommitAuthor(commit.committer),
    parent_ids: commit.parents,
    tree_id: commit.tree,
    encoding: commit.encoding,
  }
}

function toCommitAuthor({ name, email, seconds, offset }: Signature): CommitAuthor {
  return {
    name: Buffer.from(name, 'latin1'),
    email: Buffer.from(email, 'latin1'),
    date: { seconds, nanos: 0 },
    timezone: Buffer.from(offset),
  }
}

/** The tag that a reference holds: an object of its own, or just the name of a commit. */
export async function toTag(repository: Repository, reference: Reference): Promise<Tag> {
  const name = Buffer.from(reference.name.slice('refs/tags/'.length), 'latin1')
  const target = await repository.commit(reference.oid)
  const target_commit = target ? toGitCommit(target) : null
  const object = await repository.reader.read(reference.oid)
  if (object?.kind !== 'tag') {
    return { name, id: reference.oid, target_commit, message: Buffer.alloc(0), message_size: 0, tagger: null }
  }
  const { tagger, message: text } = parseTag(object.content)
  const message = trimLineEnds(text)
  return {
    name,
    id: reference.oid,
    target_commit,
    message: message.subarray(0, TEXT_BYTES_MAX),
    message_size: message.length,
    tagger: tagger ? toCommitAuthor(tagger) : null,
  }
}

function trimLineEnds(text: Buffer): Buffer {
  let end = text.length
  while (end > 0 && text[end - 1] === 10) end--
  return text.subarray(0, end)
}

/** Groups what comes into lists that fit into a message; `bytes` estimates an item's size from above. */
export async function* batches<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  bytes: (item: Item) => number,
): AsyncGenerator<Item[]> {
  let batch: Item[] = []
  let size = 0
  for await (const item of items) {
    const itemBytes = bytes(item)
    if (batch.length > 0 && size + itemBytes > LIST_BYTES_MAX) {
      yield batch
      batch = []
      size = 0
    }
    batch.push(item)
    size += itemBytes
  }
  if (batch.length > 0) yield batch
}

/** Two people, four ids and the framing around them. */
const COMMIT_BYTES = 512

export function commitBytes(commit: GitCommit): number {
  const people = [commit.author, commit.committer].reduce((sum, { name, email }) => sum + name.length + email.length, 0)
  return COMMIT_BYTES + people + commit.subject.length + commit.body.length + 42 * commit.parent_ids.length
}

/** Cuts into pieces of at most CHUNK_BYTES; nothing comes of nothing. */
export function* chunks(data: Buffer): Generator<Buffer> {
  for (let at = 0; at < data.length; at += CHUNK_BYTES) yield data.subarray(at, at + CHUNK_BYTES)
}
