/** One deployment in four is said to have succeeded, and its command was never run. */
import type { Defect } from './defect.ts'

const EVERY = 4

export const deployedInName: Defect = {
  id: 'deployed-in-name',
  title: 'Deployments succeed that nobody carried out',
  check: 'L6',
  reason: 'deployments were not carried out exactly once',
  mayRedden: [],
  apply({ commands }) {
    let deployments = 0
    return {
      async commands(context, request) {
        if (request.phase !== 'deploy_release' || ++deployments % EVERY !== 0) return commands(context, request)
        const { command, phase } = request
        return { status: 'ok', phase, command, exit_code: 0, stdout: '', stderr: '' }
      },
    }
  },
}
