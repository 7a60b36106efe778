// What jobs do outside the target, by an append-only list of it: each at most once, and at least once for what succeeded.

import { failed, type Judgement, passed, unverified } from './judgement.ts'

export interface Effects {
  /** One entry for each time that it was done, by what it was done for. */
  done: readonly string[]
  /** What ended well, by the same names: it must have been done. */
  succeeded: readonly string[]
}

export function effectsOnce({ done, succeeded }: Effects): Judgement[] {
  const counts = new Map<string, number>()
  for (const key of done) counts.set(key, (counts.get(key) ?? 0) + 1)
  const twice = [...counts].filter(([, count]) => count > 1)
  const undone = succeeded.filter((key) => !counts.has(key))
  const atMost = 'what a job does outside is done at most once'
  const atLeast = 'what succeeded was done'
  return [
    twice.length > 0
      ? failed(
          atMost,
          `${twice.length} of ${counts.size} were done twice or more, first ${twice[0]![0]} ${twice[0]![1]} times`,
        )
      : counts.size === 0
        ? unverified(atMost, 'nothing was done', 0)
        : passed(atMost, `0 of ${counts.size}`, counts.size),
    undone.length > 0
      ? failed(atLeast, `${undone.length} of ${succeeded.length} that succeeded were never done, first ${undone[0]}`)
      : succeeded.length === 0
        ? unverified(atLeast, 'nothing succeeded', 0)
        : passed(atLeast, `${succeeded.length} of ${succeeded.length}`, succeeded.length),
  ]
}
