/** Turns whatever a request failed with into an ApiError, and answers it in the envelope. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { MongoError, MongoNetworkError, MongoServerError, MongoServerSelectionError } from 'mongodb'
import { GitError, GitTimeout } from '../git/call.ts'
import { gitErrorToApi } from '../git/errors.ts'
import { describeError } from '../logging.ts'
import { ApiError, errorBody, validation } from './errors.ts'

/** Server errors that pass by themselves: a stepping down, a shutdown, a time-out of a write concern. */
const TRANSIENT_MONGO_CODES = new Set([6, 7, 64, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436])

export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof GitError || error instanceof GitTimeout) return gitErrorToApi(error)
  if (error instanceof MongoError) return mongoErrorToApi(error)
  const { statusCode, code, message } = error as Partial<FastifyError>
  if (code === 'FST_ERR_VALIDATION') return validation(message ?? 'the request does not have the expected shape')
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new ApiError('payload_too_large', 'the body is larger than 10485760 bytes')
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new ApiError('unsupported_media_type', 'send a JSON body with content-type: application/json')
  }
  if (statusCode === 413) return new ApiError('payload_too_large', 'the request is too large')
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return validation(error instanceof SyntaxError ? 'the body is not valid JSON' : (message ?? 'bad request'))
  }
  return new ApiError('internal', 'internal: unexpected error', { cause: error })
}

function mongoErrorToApi(error: MongoError): ApiError {
  const transient =
    error instanceof MongoServerSelectionError ||
    error instanceof MongoNetworkError ||
    error.name === 'MongoWaitQueueTimeoutError' ||
    error.name === 'MongoPoolClearedError' ||
    error.hasErrorLabel('RetryableWriteError') ||
    // A transaction that met others again and again until its time was over.
    error.hasErrorLabel('TransientTransactionError') ||
    (error instanceof MongoServerError && TRANSIENT_MONGO_CODES.has(Number(error.code)))
  return transient
    ? new ApiError('unavailable', 'the database is not available at the moment', { cause: error })
    : new ApiError('internal', 'internal: database error', { cause: error })
}

export function handleError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const answer = toApiError(error)
  if (answer.status >= 500) {
    request.log.error({ code: answer.code, ...describeError(answer.cause ?? error) }, 'request failed')
  }
  // A request that never reached its hooks has no id on its answer yet.
  reply.header('x-request-id', request.id)
  reply.code(answer.status).headers(answer.headers).type('application/json').send(errorBody(answer, request.id))
}
