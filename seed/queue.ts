// A queue as people fill it: an app of its own, authors who hand in, managers who approve and queue. Over HTTP but for the
// people themselves, so that every row, job and commit is the target's own work.

import type { Run } from '../harness/run.ts'
import type { App, Session } from '../harness/target/conman.ts'
import { seedApp, seedMembers } from './apps.ts'
import { person } from './people.ts'
import { bringToQueue, type Proposal, type ProposedFile, proposeDrafts } from './proposals.ts'

export interface SeededQueue {
  app: App
  adminToken: string
  authors: Session[]
  proposals: Proposal[]
}

/** Each may write 30 times a minute where the specified limits are on: ten approve and queue 150 within one. */
const MANAGERS = 10

/** One queued changeset for each file. */
export async function seedQueue(
  run: Run,
  input: { authors: number; label: string; files: readonly ProposedFile[] },
): Promise<SeededQueue> {
  const started = performance.now()
  const { app, adminToken } = await seedApp(run, `${run.prefix}-queue`)
  const people = Array.from({ length: input.authors + MANAGERS }, (_, index) => ({
    ...person(`${run.prefix}-queue`, index + 1, run.target.admin.password),
    role: index < input.authors ? ('user' as const) : ('config_manager' as const),
  }))
  const sessions = await seedMembers(run, { app, adminToken }, people)
  const authors = sessions.slice(0, input.authors)
  const proposals = await proposeDrafts(run, app, authors, input.label, input.files).catch((cause: unknown) => {
    throw run.target.explainRepository?.(cause) ?? cause
  })
  await bringToQueue(run, app, sessions.slice(input.authors), proposals)
  run.progress.say(
    `queued ${proposals.length} changesets over HTTP in ${((performance.now() - started) / 1_000).toFixed(1)} s`,
  )
  return { app, adminToken, authors, proposals }
}
