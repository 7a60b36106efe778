/**
 * Structured logs: one JSON object a line on standard output, with `timestamp`, `level`, `message` and, inside a request,
 * `request_id`. The id reaches deep code (a slow query, a retried git call) through the asynchronous context.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { type DestinationStream, destination, type Logger, pino } from 'pino'

export type { Logger }

const requestScope = new AsyncLocalStorage<{ requestId: string }>()

/** Runs what follows with the request's id on every log line that it writes. */
export function withRequestId<T>(requestId: string, next: () => T): T {
  return requestScope.run({ requestId }, next)
}

export function createLogger(level: string, stream: DestinationStream = destination({ dest: 1, sync: false })): Logger {
  return pino(
    {
      level,
      base: null,
      messageKey: 'message',
      errorKey: 'error',
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => {
        const scope = requestScope.getStore()
        return scope === undefined ? {} : { request_id: scope.requestId }
      },
      // Nothing logs a header or a body on purpose; this catches what a library might add.
      redact: { paths: ['*.authorization', '*.password', '*.token', '*.secret'], censor: '[redacted]' },
    },
    stream,
  )
}

/** An error as log fields: its kind and its first line, without driver objects that may quote addresses or documents. */
export function describeError(error: unknown): { error: string } {
  if (!(error instanceof Error)) return { error: typeof error }
  if (error instanceof AggregateError && error.message === '') return describeError(error.errors[0])
  const firstLine = error.message.split('\n', 1)[0] ?? ''
  // A connection string can carry credentials.
  return { error: `${error.name}: ${firstLine.replaceAll(/\/\/[^/@\s]*@/g, '//***@')}` }
}
