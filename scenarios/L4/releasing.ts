// One release from draft to publication, as a release manager would bring it there while others are under way: what was
// assembled on a branch that has moved since is assembled again. Notes each step, and judges none.

import type { Run } from '../../harness/run.ts'
import { createDraft, readRelease, selectChangesets } from '../../harness/target/conman/releases.ts'
import { ConmanError } from '../../harness/target/conman.ts'
import type { ReleasesEvidence } from './evidence.ts'
import { isOut } from './ledger.ts'

type ReleaseRow = ReleasesEvidence['releases'][number]

/** Each of the other releases may move the branch once under this one's feet. The rest is for hiccups. */
const ATTEMPTS_SPARE = 2

/** One job of a release; a stranger works on one job a second, and up to 25 submits and 50 revalidations stand before it. */
const JOB_WITHIN_MS = 300_000

class NotSucceeded extends Error {}

export async function release(
  run: Run,
  input: {
    appId: string
    manager: string
    changesetIds: readonly string[]
    number: number
    releases: number
    due_ms: number
    /** Milliseconds since the schedule began. */
    now(): number
  },
): Promise<Omit<ReleaseRow, 'seen'>> {
  const { appId, manager, changesetIds, now } = input
  const { conman } = run.target
  const wait = { within_ms: JOB_WITHIN_MS }
  const row: Omit<ReleaseRow, 'seen'> = {
    number: input.number,
    due_ms: input.due_ms,
    began_ms: now(),
    publishing: null,
    steps: [],
    id: null,
  }

  /** Undefined when the target did not do it. */
  async function step<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    const from_ms = now()
    const note = (refused: string | null, status: number | null = null) =>
      row.steps.push({ what, from_ms, to_ms: now(), refused, status })
    try {
      const done = await work()
      note(null)
      return done
    } catch (cause) {
      if (!(cause instanceof ConmanError || cause instanceof NotSucceeded)) throw cause
      note(cause.message.slice(0, 500), cause instanceof ConmanError ? cause.status : null)
      return undefined
    }
  }

  const draft = await step('create', () => conman.do(manager, createDraft(appId)))
  if (draft === undefined) return row
  row.id = draft.id
  const selected = await step('select', () => conman.do(manager, selectChangesets(appId, draft.id, changesetIds)))
  if (selected === undefined) return row
  let isAssembled = false
  for (let attempt = 1; attempt <= input.releases + ATTEMPTS_SPARE; attempt += 1) {
    if (!isAssembled) {
      const assembled = await step('assemble', async () => {
        const { state, error } = await conman.assemble(manager, appId, draft.id, wait)
        if (state !== 'succeeded') throw new NotSucceeded(`its job is ${state}${error === null ? '' : `: ${error}`}`)
        return true
      })
      if (assembled === undefined) continue
    }
    const from_ms = now()
    const published = await step('publish', () => conman.publish(manager, appId, draft.id, wait))
    const after = published ?? (await step('read', () => conman.do(manager, readRelease(appId, draft.id))))
    // Perhaps it is out, though the answer said otherwise.
    if (published !== undefined || (after !== undefined && isOut(after))) {
      row.publishing = { from_ms, to_ms: now() }
      return row
    }
    isAssembled = after?.state === 'validated'
  }
  return row
}
