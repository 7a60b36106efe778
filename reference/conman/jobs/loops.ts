/**
 * The worker's loops: each repeats one piece of work, on its own and in its own rhythm. A failure, or a turn that takes too
 * long, stops neither the others nor its own next turn.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { within } from '../bounded.ts'
import { describeError, type Logger } from '../logging.ts'

export interface Loop {
  name: string
  /** The pause after a turn that found nothing to do; one that found work is followed by the next at once. */
  everyMs: number
  /** Answers whether there is more to do. */
  turn: () => Promise<boolean>
  /** A turn that takes longer is given up on. */
  limitMs?: number
}

export async function runLoop(
  { name, everyMs, turn, limitMs }: Loop,
  stop: AbortSignal,
  logger: Logger,
): Promise<void> {
  while (!stop.aborted) {
    let busy = false
    try {
      busy = await (limitMs === undefined ? turn() : within(limitMs, turn()))
    } catch (error) {
      logger.error({ loop: name, ...describeError(error) }, 'job runner turn failed')
    }
    if (!busy) await sleep(everyMs, undefined, { signal: stop }).catch(() => undefined)
  }
}
