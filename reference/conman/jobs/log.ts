/**
 * The log of a job, which any member of its app can read: at most 1,000 lines over all attempts, written in the background
 * in small batches. A line that cannot be written is only told about in the server's own log.
 */
import { ObjectId } from 'mongodb'
import { createBatcher } from '../batcher.ts'
import { describeError, type Logger } from '../logging.ts'
import type { JobDocument, JobLogDocument } from '../mongo/documents.ts'
import type { Store } from '../mongo/store.ts'
import { cutBytes } from '../text.ts'
import type { ClaimedJob } from './handler.ts'

export type JobLogLevel = JobLogDocument['level']

export interface JobLog {
  /** What the job's work has to say; beyond the limit it is left out. */
  line(level: JobLogLevel, message: string, data?: Record<string, unknown>): void
  /** What the worker says about an attempt: there is always room for its beginning and its end. */
  event(level: JobLogLevel, message: string, data?: Record<string, unknown>): void
  /** Waits until the lines are written. */
  flush(): Promise<void>
}

export interface JobLogs {
  open(job: ClaimedJob): Promise<JobLog>
  flush(): Promise<void>
}

export const MAX_LOG_LINES = 1_000
/** Room for the events of as many attempts as a job may come to have. */
const EVENT_LINES = 50
const MAX_MESSAGE_BYTES = 2_000
const MAX_DATA_BYTES = 16_384
const BATCHES = { maxSize: 100, patienceMs: 1_000 }

export function createJobLogs(store: Store, logger: Logger): JobLogs {
  const { job_logs } = store.data
  const allLines = new Set<Promise<void>>()
  const insert = createBatcher(async (lines: JobLogDocument[]) => {
    await job_logs.insertMany(lines, { ordered: false })
    return lines
  }, BATCHES)

  /** Earlier attempts have left lines; when they cannot be counted, the job's work gets no more. */
  async function present(job: ClaimedJob): Promise<number> {
    if (job.fence === 1) return 0
    try {
      return await job_logs.countDocuments({ job_id: job._id }, { limit: MAX_LOG_LINES })
    } catch (error) {
      logger.warn({ job_id: job._id, ...describeError(error) }, 'job log lines not counted')
      return MAX_LOG_LINES - EVENT_LINES
    }
  }

  return {
    async open(job) {
      let written = await present(job)
      const lines = new Set<Promise<void>>()

      function write(level: JobLogLevel, message: string, data?: Record<string, unknown>): void {
        if (written >= MAX_LOG_LINES) return
        written += 1
        const line = insert(lineOf(job, level, message, data))
          .then(() => undefined)
          .catch((error: unknown) => logger.warn({ job_id: job._id, ...describeError(error) }, 'job log line lost'))
          .finally(() => {
            lines.delete(line)
            allLines.delete(line)
          })
        lines.add(line)
        allLines.add(line)
      }

      return {
        line(level, message, data) {
          const room = MAX_LOG_LINES - EVENT_LINES - written
          if (room > 1) write(level, message, data)
          else if (room === 1) write('warn', 'the log is full: what follows is left out')
        },
        event: write,
        async flush() {
          await Promise.all(lines)
        },
      }
    },

    async flush() {
      await Promise.all(allLines)
    },
  }
}

function lineOf(
  job: JobDocument,
  level: JobLogLevel,
  message: string,
  data: Record<string, unknown> | undefined,
): JobLogDocument {
  return {
    _id: new ObjectId(),
    app_id: job.app_id,
    job_id: job._id,
    level,
    message: Buffer.byteLength(message) > MAX_MESSAGE_BYTES ? cutBytes(message, MAX_MESSAGE_BYTES - 3) : message,
    data: data === undefined ? null : plain(data),
    timestamp: new Date(),
  }
}

/** As the API shows it, ids as text; so that one line's data cannot keep a whole batch from being stored. */
function plain(data: Record<string, unknown>): Record<string, unknown> | null {
  try {
    const text = JSON.stringify(data)
    const bytes = Buffer.byteLength(text)
    return bytes > MAX_DATA_BYTES ? { omitted_bytes: bytes } : (JSON.parse(text) as Record<string, unknown>)
  } catch {
    return null
  }
}
