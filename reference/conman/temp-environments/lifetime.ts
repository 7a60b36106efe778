/** How long a temporary environment lives (E10; contract: specified-only §6). */
import { validation } from '../http/errors.ts'
import type { TempEnvironmentState } from '../mongo/documents.ts'

const HOUR_MS = 3_600_000

/** Without activity it expires after this long. */
export const IDLE_MS = 24 * HOUR_MS
/** Expired softly it can be brought back for this long. */
export const GRACE_MS = HOUR_MS
/** So long before the end its creator is warned. */
export const WARNING_MS = HOUR_MS
/** Nobody extends it beyond this age. */
export const MAX_LIFE_MS = 72 * HOUR_MS
/** A clean-up that failed for good is asked for again after this long. */
export const CLEANUP_AGAIN_MS = HOUR_MS

/** Those that are shown; what is deleted is kept as a row. */
export const SHOWN: readonly TempEnvironmentState[] = ['provisioning', 'active', 'expiring', 'expired']
/** Those whose parts are to be removed. */
export const ENDED: readonly TempEnvironmentState[] = ['expired', 'deleted']

export const after = (from: Date, ms: number) => new Date(from.getTime() + ms)

/** The epic's hours or the real server's seconds; said both ways they must mean the same. */
export interface GivenExtension {
  hours?: number | null | undefined
  seconds?: number | null | undefined
}

export function extensionMs({ hours, seconds }: GivenExtension): number {
  if (hours != null && !(Number.isInteger(hours) && hours >= 1 && hours <= 48)) {
    throw validation('hours must be a whole number from 1 to 48')
  }
  if (seconds != null && !(Number.isInteger(seconds) && seconds >= 300 && seconds <= 172_800)) {
    throw validation('seconds must be a whole number from 300 to 172800')
  }
  const ofHours = hours == null ? undefined : hours * HOUR_MS
  const ofSeconds = seconds == null ? undefined : seconds * 1000
  if (ofHours !== undefined && ofSeconds !== undefined && ofHours !== ofSeconds) {
    throw validation('hours and seconds contradict')
  }
  return ofHours ?? ofSeconds ?? IDLE_MS
}
