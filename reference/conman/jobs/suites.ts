/** The jobs that are one command: test suites, which open a gate when they succeed. */
import type { Services } from '../services.ts'
import type { JobHandler, JobHandlers } from './handler.ts'

export function suiteJobs(services: Services): JobHandlers {
  const { msuiteSubmit, msuiteMerge, msuiteDeploy } = services.config.commands
  const suite = (phase: string, command: string): JobHandler => ({
    run: (context) => services.commands(context, { phase, command }),
  })
  return {
    msuite_submit: suite('msuite_submit', msuiteSubmit),
    msuite_merge: suite('msuite_merge', msuiteMerge),
    msuite_deploy: suite('msuite_deploy', msuiteDeploy),
  }
}
