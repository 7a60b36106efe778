// How a call fails: a gRPC status, with a detail that programs can read.
//
// Clients of this protocol decide by words in the message, whatever the code: `conflict`, `not found` and some phrases of
// git's. So a message never repeats a name that a user chose, and says `conflict` for a merge conflict alone.

import { status as Code, Metadata, type ServiceError } from '@grpc/grpc-js'
import { encode } from './protocol.ts'

/** The name of an error message of the protocol (without its package) and its fields. */
export interface StatusDetail {
  type: string
  fields: object
}

export class StatusError extends Error {
  readonly code: Code
  readonly detail: StatusDetail | undefined

  constructor(code: Code, message: string, detail?: StatusDetail) {
    super(message)
    this.name = 'StatusError'
    this.code = code
    this.detail = detail
  }
}

export function invalidArgument(message: string, detail?: StatusDetail): StatusError {
  return new StatusError(Code.INVALID_ARGUMENT, message, detail)
}

export function failedPrecondition(message: string, detail?: StatusDetail): StatusError {
  return new StatusError(Code.FAILED_PRECONDITION, message, detail)
}

/** Named for its code. The words `not found` mean something to clients and stand in no message. */
export function notFound(message: string, detail?: StatusDetail): StatusError {
  return new StatusError(Code.NOT_FOUND, message, detail)
}

export function toServiceError(error: StatusError): ServiceError {
  const metadata = new Metadata()
  if (error.detail) {
    const { type, fields } = error.detail
    const detail = { type_url: `type.googleapis.com/gitaly.${type}`, value: encode(`gitaly.${type}`, fields) }
    const status = { code: error.code, message: error.message, details: [detail] }
    metadata.set('grpc-status-details-bin', encode('google.rpc.Status', status))
  }
  return Object.assign(new Error(error.message), { code: error.code, details: error.message, metadata })
}
