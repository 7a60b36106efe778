/** What a request can end with besides success: one class, one envelope, one code a line. */

/** Error codes of the envelope and the HTTP status each one answers with. */
export const ERROR_STATUS = {
  validation_error: 400,
  invite_invalid: 400,
  token_invalid: 400,
  unauthorized: 401,
  invalid_credentials: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  invalid_transition: 409,
  invite_expired: 410,
  token_expired: 410,
  gone: 410,
  payload_too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  header_too_large: 431,
  internal: 500,
  not_implemented: 501,
  git_error: 502,
  unavailable: 503,
  git_timeout: 504,
} as const

export type ErrorCode = keyof typeof ERROR_STATUS

export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: ErrorCode
  readonly headers: Readonly<Record<string, string>>

  constructor(code: ErrorCode, message: string, options: { headers?: Record<string, string>; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.headers = options.headers ?? {}
  }

  get status(): number {
    return ERROR_STATUS[this.code]
  }
}

export const validation = (problem: string) => new ApiError('validation_error', `validation: ${problem}`)
export const unauthorized = (problem: string) =>
  new ApiError('unauthorized', `unauthorized: ${problem}`, { headers: { 'www-authenticate': 'Bearer' } })
export const forbidden = (problem: string) => new ApiError('forbidden', `forbidden: ${problem}`)
export const notFound = (entity: string, id: string) => new ApiError('not_found', `not found: ${entity} ${id}`)
export const conflict = (problem: string) => new ApiError('conflict', `conflict: ${problem}`)

export function rateLimited(retryAfterSeconds: number): ApiError {
  return new ApiError('rate_limited', 'Too many requests. Please wait and try again.', {
    headers: { 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds))) },
  })
}

export interface ErrorBody {
  error: { code: ErrorCode; message: string; request_id: string }
}

export function errorBody(error: ApiError, requestId: string): ErrorBody {
  return { error: { code: error.code, message: error.message, request_id: requestId } }
}
