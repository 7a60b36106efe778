// `./readiness k8s L7 --parallelism 4`: runs checks as `run` does, but has their loads made by pods of a Kubernetes cluster.
// It writes what the k6 operator needs, says what to type, waits for the samples, and judges them.

import type { CommandModule } from 'yargs'
import { selectChecks } from '../catalogue.ts'
import type { ProfileName } from '../check.ts'
import { type ConsentFlags, withConsent } from '../consent.ts'
import { UsageError } from '../errors.ts'
import { execute } from '../execute.ts'
import { K6_IMAGE } from '../k8s/manifests.ts'
import { inPods } from '../k8s/pods.ts'
import { openTarget } from '../target/open.ts'
import { seedingOf } from '../target/options.ts'
import { type AimArguments, aimed, aimOptions } from './aim.ts'
import { consentOptions } from './consent-options.ts'
import { commandWithEnvironment, parseLimits, tell, wholeNumber } from './run.ts'
import { interruption, jsonOption, profileOption, progressFor, runsDirOption } from './terminal.ts'

interface K8sArguments extends AimArguments, ConsentFlags {
  checks: string[]
  profile: ProfileName
  parallelism: number
  out: string
  image: string
  'runs-dir': string
  seed: number
  limit: string[]
  json: boolean
}

export const k8s: CommandModule<object, K8sArguments> = {
  command: 'k8s <checks..>',
  describe: 'run load checks against a URL, the load made by pods of the k6 operator',
  builder: (y) =>
    y
      .positional('checks', { type: 'string', array: true, demandOption: true, describe: 'load checks, such as L7' })
      .options(aimOptions)
      .options(consentOptions)
      .option('profile', profileOption)
      .option('parallelism', { type: 'number', default: 2, describe: 'pods that share the load' })
      .option('out', { type: 'string', default: 'k8s', describe: 'where a folder for each load is written' })
      .option('image', { type: 'string', default: K6_IMAGE, describe: 'the image with k6 that the pods run' })
      .option('runs-dir', runsDirOption)
      .option('seed', { type: 'number', default: 1, describe: 'number that all generated data follows from' })
      .option('limit', {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'override a limit, e.g. L7.latency_ms_p99=1000; the report flags it',
      })
      .option('json', jsonOption)
      .example(
        'CONMAN_BASE_URL=https://conman.example.test $0 k8s L7 --parallelism 4 --allow-writes',
        'L7 in four pods',
      ),
  handler: async (args) => {
    const target = withConsent(await aimed(args), args)
    if (target.kind !== 'url') {
      throw new UsageError(
        'pods cannot reach a stack on this machine',
        'aim it with CONMAN_BASE_URL at a Conman that the cluster reaches under the same address',
      )
    }
    const { parallelism, out, image } = args
    const result = await execute({
      checks: selectChecks(args.checks, args.profile),
      profile: args.profile,
      runsFolder: args['runs-dir'],
      randomSeed: wholeNumber('--seed', args.seed),
      overrides: parseLimits(args.limit),
      seedOver: seedingOf('auto', target),
      command: commandWithEnvironment(),
      target,
      openTarget,
      elsewhere: inPods({ parallelism, out, image }),
      progress: progressFor(args.json),
      signal: interruption.signal,
    })
    tell(result, args.json)
  },
}
