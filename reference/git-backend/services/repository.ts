// gitaly.RepositoryService: repositories come and go.

import { isUtf8 } from 'node:buffer'
import { status as Code } from '@grpc/grpc-js'
import type { Storage } from '../git/storage.ts'
import { type Methods, unary } from '../handler.ts'
import { type CreateRepositoryRequest, OBJECT_FORMAT_SHA256, type RepositoryRequest } from '../messages.ts'
import { invalidArgument, notFound, StatusError } from '../status.ts'
import { branchReference, inStorage, relativePathOf } from './request.ts'

export function repositoryService(storage: Storage): Methods {
  return {
    CreateRepository: unary(async (request: CreateRepositoryRequest) => {
      const relativePath = relativePathOf(request.repository)
      if (request.object_format === OBJECT_FORMAT_SHA256)
        throw invalidArgument('SHA-256 repositories are not supported')
      const branch = branchReference(request.default_branch.length > 0 ? request.default_branch : Buffer.from('main'))
      const defaultBranch = Buffer.from(branch.slice('refs/heads/'.length), 'latin1')
      if (!isUtf8(defaultBranch)) throw invalidArgument('the default branch is not UTF-8')
      const created = await inStorage(() => storage.create(relativePath, defaultBranch.toString()))
      if (!created) throw new StatusError(Code.ALREADY_EXISTS, 'the repository exists already')
      return {}
    }),

    RepositoryExists: unary(async (request: RepositoryRequest) => {
      const relativePath = relativePathOf(request.repository)
      return { exists: (await inStorage(() => storage.open(relativePath))) !== undefined }
    }),

    RemoveRepository: unary(async (request: RepositoryRequest) => {
      const relativePath = relativePathOf(request.repository)
      if (!(await inStorage(() => storage.remove(relativePath)))) throw notFound('the repository does not exist')
      return {}
    }),
  }
}
