/**
 * One gRPC call to the git backend: attempts with a deadline each, retries between them, all within the time that the request
 * has left. Requests are kept as a list of messages, so that a stream can be sent again from its beginning.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, Metadata, type MethodDefinition, type ServiceError, status } from '@grpc/grpc-js'
import { describeError, type Logger } from '../logging.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { isRetryable, normaliseCode, RETRIES, waitBeforeRetryMs } from './backoff.ts'

export type Method = MethodDefinition<object, object>
export type Message = Record<string, unknown>

/** The backend answered with an error, or could not be reached. */
export class GitError extends Error {
  override readonly name = 'GitError'
  readonly code: number
  readonly metadata: Metadata

  constructor(method: string, code: number, details: string, metadata: Metadata) {
    super(`${method}: gRPC ${codeName(code)}: ${details}`)
    this.code = code
    this.metadata = metadata
  }
}

/** The request's time on the git backend is over, whatever the single attempts were still allowed. */
export class GitTimeout extends Error {
  override readonly name = 'GitTimeout'
}

export interface CallOptions {
  /** What one attempt may take; the backend is told by `grpc-timeout`. */
  attemptMs: number
  /** When the whole request is over, on the clock of `performance.now()`. */
  untilMs: number
}

export interface Caller {
  call(method: Method, messages: readonly Message[], options: CallOptions): Promise<Message[]>
}

export function createCaller(client: Client, metrics: Metrics, logger: Logger): Caller {
  return {
    async call(method, messages, options) {
      const name = methodName(method)
      for (let attempt = 1; ; attempt += 1) {
        const startedMs = performance.now()
        try {
          const replies = await attemptOnce(client, method, messages, options)
          metrics.gitCall(name, 'ok', performance.now() - startedMs)
          return replies
        } catch (error) {
          const failure = error instanceof GitTimeout ? error : asGitError(name, error)
          const outcome = failure instanceof GitError ? codeName(failure.code).toLowerCase() : 'request_timeout'
          metrics.gitCall(name, outcome, performance.now() - startedMs)
          if (failure instanceof GitTimeout) throw failure
          if (!isRetryable(failure.code) || attempt > RETRIES) throw failure
          const waitMs = waitBeforeRetryMs(attempt)
          if (performance.now() + waitMs >= options.untilMs) throw new GitTimeout(`${name}: no time left to try again`)
          logger.warn(
            { method: name, attempt, wait_ms: Math.round(waitMs), ...describeError(failure) },
            'git call retried',
          )
          await sleep(waitMs)
        }
      }
    },
  }
}

export function methodName(method: Method): string {
  return method.path.slice(method.path.lastIndexOf('/') + 1)
}

function codeName(code: number): string {
  return status[code] ?? 'UNKNOWN'
}

function asGitError(method: string, error: unknown): GitError {
  const { code, details, metadata, message } = error as Partial<ServiceError>
  const text = details ?? message ?? ''
  return new GitError(method, normaliseCode(code ?? status.UNKNOWN, text), text, metadata ?? new Metadata())
}

function attemptOnce(
  client: Client,
  method: Method,
  messages: readonly Message[],
  options: CallOptions,
): Promise<Message[]> {
  const leftMs = options.untilMs - performance.now()
  if (leftMs <= 0) return Promise.reject(new GitTimeout(`${methodName(method)}: no time left`))

  return new Promise((resolve, reject) => {
    const settings = { deadline: Date.now() + options.attemptMs }
    const first = messages[0] ?? {}
    const unaryReply = (error: ServiceError | null, reply?: object) => {
      clearTimeout(overall)
      if (error !== null) reject(error)
      else resolve(reply === undefined ? [] : [reply as Message])
    }
    const { path, requestSerialize, responseDeserialize } = method
    const metadata = new Metadata()

    const start = () => {
      if (method.requestStream) {
        const call = client.makeClientStreamRequest(
          path,
          requestSerialize,
          responseDeserialize,
          metadata,
          settings,
          unaryReply,
        )
        for (const message of messages) call.write(message)
        call.end()
        return call
      }
      if (method.responseStream) {
        const replies: Message[] = []
        return client
          .makeServerStreamRequest(path, requestSerialize, responseDeserialize, first, metadata, settings)
          .on('data', (reply: Message) => replies.push(reply))
          .on('error', (error: ServiceError) => unaryReply(error))
          .on('end', () => {
            clearTimeout(overall)
            resolve(replies)
          })
      }
      return client.makeUnaryRequest(path, requestSerialize, responseDeserialize, first, metadata, settings, unaryReply)
    }

    const overall = setTimeout(() => {
      reject(new GitTimeout(`${methodName(method)}: the request's time on the git backend is over`))
      call.cancel()
    }, leftMs)
    const call = start()
  })
}
