/** The worker runs the deploy command of a deployment, and then runs it again. */
import type { Defect } from './defect.ts'

export const deployedTwice: Defect = {
  id: 'deployed-twice',
  title: 'A deployment is carried out twice',
  check: 'L6',
  reason: 'deployments were not carried out exactly once',
  mayRedden: [],
  apply({ commands }) {
    return {
      async commands(context, request) {
        if (request.phase === 'deploy_release') await commands(context, request)
        return commands(context, request)
      },
    }
  },
}
