// gitaly.BlobService: files are read.

import type { Repository } from '../git/repository.ts'
import type { Storage } from '../git/storage.ts'
import { MODE_SUBMODULE, MODE_TREE, type TreeEntry } from '../git/tree-object.ts'
import { type Methods, serverStream } from '../handler.ts'
import { type GetBlobsRequest, ObjectType } from '../messages.ts'
import { invalidArgument } from '../status.ts'
import { openRepository, revisionOf } from './request.ts'
import { chunks } from './response.ts'

export function blobService(storage: Storage): Methods {
  return {
    GetBlobs: serverStream(async function* (request: GetBlobsRequest) {
      const repository = await openRepository(storage, request.repository)
      if (request.revision_paths.length === 0) throw invalidArgument('there are no revisions and paths')
      for (const { revision } of request.revision_paths) revisionOf(revision)
      for (const { revision, path } of request.revision_paths) {
        yield* blob(repository, revision, path, request.limit)
      }
    }),
  }
}

async function* blob(repository: Repository, revision: string, path: Buffer, limit: number): AsyncGenerator<object> {
  const entry = await find(repository, revision, path)
  if (!entry) {
    yield { revision, path }
    return
  }
  const found = { oid: entry.oid, mode: entry.mode, revision, path }
  if (entry.mode === MODE_SUBMODULE) {
    yield { ...found, is_submodule: true, type: ObjectType.COMMIT }
    return
  }
  // The size is in the header that git prints before a content.
  const object =
    limit === 0 || entry.mode === MODE_TREE
      ? await repository.reader.info(entry.oid)
      : await repository.reader.read(entry.oid)
  if (!object) throw new Error(`object ${entry.oid} is missing`)
  const size = object.bytes
  if (entry.mode === MODE_TREE) {
    yield { ...found, size, type: ObjectType.TREE }
    return
  }
  const content = 'content' in object ? (object.content as Buffer) : Buffer.alloc(0)
  const [first, ...rest] = chunks(limit < 0 ? content : content.subarray(0, limit))
  yield { ...found, size, type: ObjectType.BLOB, data: first ?? Buffer.alloc(0) }
  for (const data of rest) yield { data }
}

async function find(repository: Repository, revision: string, path: Buffer): Promise<TreeEntry | undefined> {
  const name = path.toString('latin1').replace(/\/+$/, '')
  if (name === '') return undefined
  const commit = await repository.commit(revisionOf(revision))
  return commit && repository.entryAt(commit.tree, name)
}
