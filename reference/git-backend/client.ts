// A small client for the tests and the benchmark of the git backend; Conman has its own.

import {
  type CallOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js'
import { decode, service } from './protocol.ts'

/** What any method answers: the fields by name. Tests know which ones they ask for. */
// biome-ignore lint/suspicious/noExplicitAny: a reply's fields depend on the method
export type Reply = any

export interface FileChange {
  /** UserCommitFilesActionHeader.ActionType; CREATE if it is not given. */
  action?: number
  path: string | Buffer
  content?: string | Buffer
  fields?: object
}

export const USER = {
  gl_id: 'user-1',
  name: Buffer.from('Ada Lovelace'),
  email: Buffer.from('ada@example.com'),
  gl_username: 'ada',
  timezone: 'UTC',
}

export class GitBackendClient {
  /** For calls that are held open, cancelled or cut. */
  readonly grpc: Client

  constructor(address: string) {
    // 4 MiB is what Conman's client takes: a larger reply would never reach it.
    this.grpc = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': 4 * 1024 * 1024,
    })
  }

  unary(serviceName: string, method: string, request: object, options: CallOptions = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = methodOf(serviceName, method)
      this.grpc.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        new Metadata(),
        options,
        (error, reply) => (error ? reject(error) : resolve(reply)),
      )
    })
  }

  /** The replies, in order. */
  async list(serviceName: string, method: string, request: object, options: CallOptions = {}): Promise<Reply[]> {
    const { path, requestSerialize, responseDeserialize } = methodOf(serviceName, method)
    const call: ClientReadableStream<object> = this.grpc.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      options,
    )
    const replies: Reply[] = []
    for await (const reply of call) replies.push(reply)
    return replies
  }

  send(serviceName: string, method: string, requests: object[], options: CallOptions = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = methodOf(serviceName, method)
      const call: ClientWritableStream<object> = this.grpc.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        new Metadata(),
        options,
        (error: ServiceError | null, reply: object | undefined) => (error ? reject(error) : resolve(reply)),
      )
      for (const request of requests) call.write(request)
      call.end()
    })
  }

  async exchange(serviceName: string, method: string, requests: object[]): Promise<Reply[]> {
    const { path, requestSerialize, responseDeserialize } = methodOf(serviceName, method)
    const call: ClientDuplexStream<object, object> = this.grpc.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
    )
    for (const request of requests) call.write(request)
    call.end()
    const replies: Reply[] = []
    for await (const reply of call) replies.push(reply)
    return replies
  }

  /** One commit, as Conman sends it; its id. */
  async commit(
    repository: object,
    branch: string,
    changes: FileChange[],
    header: object = {},
    options: CallOptions = {},
  ): Promise<string> {
    const requests = [
      {
        header: {
          repository,
          user: USER,
          branch_name: Buffer.from(branch),
          commit_message: Buffer.from('change'),
          ...header,
        },
      },
      ...changes.flatMap(({ action = 0, path, content, fields }) => [
        { action: { header: { action, file_path: Buffer.from(path), ...fields } } },
        ...(content === undefined ? [] : [{ action: { content: Buffer.from(content) } }]),
      ]),
    ]
    const { branch_update } = await this.send('OperationService', 'UserCommitFiles', requests, options)
    return branch_update.commit_id
  }

  close(): void {
    this.grpc.close()
  }
}

/** What stands in `grpc-status-details-bin`: the detail's type and its fields. */
export function errorDetail(error: ServiceError): { type: string; fields: Reply } | undefined {
  const bytes = error.metadata?.get('grpc-status-details-bin')[0]
  if (!(bytes instanceof Buffer)) return undefined
  const { details } = decode('google.rpc.Status', bytes) as { details: { type_url: string; value: Buffer }[] }
  const any = details[0]
  if (!any) return undefined
  const type = any.type_url.replace('type.googleapis.com/gitaly.', '')
  return { type, fields: decode(`gitaly.${type}`, any.value) }
}

export function methodOf(serviceName: string, method: string): MethodDefinition<object, object> {
  const definition = service(serviceName.includes('.') ? serviceName : `gitaly.${serviceName}`)[method]
  if (!definition) throw new Error(`${serviceName} has no ${method}`)
  return definition as MethodDefinition<object, object>
}
