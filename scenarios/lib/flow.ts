// Steps of a change's way that a load needs before it begins, each by the client: so that rate limits are obeyed, and what is
// made on a target that is not ours is written down.

import { TargetFailed } from '../../harness/errors.ts'
import type { Run } from '../../harness/run.ts'
import { submit } from '../../harness/target/conman/changesets.ts'
import type { Job } from '../../harness/target/conman/jobs.ts'
import type { Proposal, ProposedFile } from '../../seed/proposals.ts'

/** Content that no branch has yet, in a file that nobody else writes. */
export function fileOf(run: Run, name: string): ProposedFile {
  return { path: `config/readiness/${name}.yaml`, content: `run: ${run.id}\nname: ${name}\n` }
}

/** Handed in, and its gate has passed. */
export async function handIn(run: Run, appId: string, { author, changesetId }: Proposal): Promise<void> {
  const { conman } = run.target
  const { job } = await conman.do(author.token, submit(appId, changesetId))
  const begun = job ?? ({ type: 'msuite_submit', entityId: changesetId } as const)
  demandSucceeded(await conman.jobEnded(author.token, appId, begun))
}

export function demandSucceeded(job: Job): void {
  if (job.state === 'succeeded') return
  throw new TargetFailed(
    `the job ${job.type} that the load's preparation rests on is ${job.state}${job.error === null ? '' : `: ${job.error.slice(0, 200)}`}`,
    'look at its log: is a worker running, and do its commands take what a test makes?',
  )
}
