/** One deployment in thirteen fails. */
import { FinalJobError } from '../conman/jobs/handler.ts'
import type { Defect } from './defect.ts'

/** Rarely, so that what is prepared before a load in smoke's size meets none. */
const ONE_IN = 13

export const failingDeployments: Defect = {
  id: 'failing-deployments',
  title: 'Some deployments fail',
  check: 'SLO5',
  reason: 'limit 99 %',
  mayRedden: [],
  apply({ jobHandlers }) {
    let runs = 0
    return {
      jobHandlers: {
        ...jobHandlers,
        deploy_release: {
          ...jobHandlers.deploy_release,
          async run(context) {
            runs += 1
            if (runs % ONE_IN === 0) throw new FinalJobError('this deployment fails by design of a known defect')
            return (await jobHandlers.deploy_release?.run(context)) ?? {}
          },
        },
      },
    }
  },
}
