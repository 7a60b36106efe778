/** Some jobs lie idle for longer than their limit, and are otherwise right: only submitted changesets', only deployments', or both. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { JobHandler } from '../conman/jobs/handler.ts'
import type { Defect } from './defect.ts'

/** GL-P3 allows 30 s, and 120 s for deployments. */
const STANDARD_MS = 35_000
const DEPLOY_MS = 125_000

/** Rarely, so that what is prepared before a load in smoke's size meets none. */
const ONE_IN = { msuite_submit: 7, deploy_release: 13 } as const

function waiting(handler: JobHandler | undefined, oneIn: number, ms: number): JobHandler {
  let runs = 0
  return {
    ...handler,
    async run(context) {
      runs += 1
      if (runs % oneIn === 0) await sleep(ms, undefined, { signal: context.signal })
      return (await handler?.run(context)) ?? {}
    },
  }
}

const SUBMITS: NonNullable<Defect['apply']> = ({ jobHandlers }) => ({
  jobHandlers: {
    ...jobHandlers,
    msuite_submit: waiting(jobHandlers.msuite_submit, ONE_IN.msuite_submit, STANDARD_MS),
  },
})

const DEPLOYMENTS: NonNullable<Defect['apply']> = ({ jobHandlers }) => ({
  jobHandlers: {
    ...jobHandlers,
    deploy_release: waiting(jobHandlers.deploy_release, ONE_IN.deploy_release, DEPLOY_MS),
  },
})

export const waitingJobs: readonly Defect[] = [
  {
    id: 'waiting-jobs',
    family: 'waiting-jobs',
    title: 'Some jobs of submitted changesets and some deployments lie idle for longer than their limit',
    check: 'GL-P3',
    reason: 'standard jobs took longer than 30000 ms',
    mayRedden: ['SLO3', 'SLO4'],
    apply: (services) => DEPLOYMENTS({ ...services, ...SUBMITS(services) }),
  },
  {
    id: 'waiting-submits',
    family: 'waiting-jobs',
    title: 'Some jobs of submitted changesets lie idle for 35 seconds',
    check: 'SLO3',
    reason: 'standard jobs took longer than 30000 ms',
    mayRedden: ['GL-P3'],
    apply: SUBMITS,
  },
  {
    id: 'waiting-deployments',
    family: 'waiting-jobs',
    title: 'Some deployments lie idle for 125 seconds',
    check: 'SLO4',
    reason: 'deploy jobs took longer than 120000 ms',
    mayRedden: ['GL-P3'],
    apply: DEPLOYMENTS,
  },
]
