// `./readiness verify <run or bundle>`: offline, does it still say what it said, and of what?

import { resolve } from 'node:path'
import type { CommandModule } from 'yargs'
import { visible } from '../../reports/visible.ts'
import { isBundle, unpacked } from '../attestation/bundle.ts'
import { readPublicKey } from '../attestation/dsse.ts'
import { type Answer, overall, verifyRun, type Wanted } from '../attestation/verify.ts'
import { EXIT, UsageError } from '../errors.ts'
import { findRun } from '../evidence/store.ts'
import { jsonOption, paint, printJson, runPositional, runsDirOption } from './terminal.ts'

interface VerifyArguments {
  run: string
  key: string | undefined
  target: string | undefined
  'max-age-hours': number
  'runs-dir': string
  json: boolean
}

/** A week: what a Conman was before that is not what goes live. */
const MAX_AGE_HOURS = 168

export const verify: CommandModule<object, VerifyArguments> = {
  command: 'verify [run]',
  describe: 'does a run or a bundle still say what it said? offline: hashes, signature, catalogue, verdict, age',
  builder: (y) =>
    y
      .positional('run', { ...runPositional, describe: 'a run’s id or folder, latest, or a bundle' })
      .option('key', { type: 'string', describe: 'the Ed25519 public key in PEM that must have signed it' })
      .option('target', { type: 'string', describe: 'the address, or the digest, of the target that it must be of' })
      .option('max-age-hours', { type: 'number', default: MAX_AGE_HOURS, describe: 'older evidence does not count' })
      .option('runs-dir', runsDirOption)
      .option('json', jsonOption)
      .epilogue('Exit codes: 0 everything holds · 1 something does not · 2 something cannot be told · 3 usage'),
  handler: async (args) => {
    if (!(args['max-age-hours'] > 0))
      throw new UsageError('--max-age-hours is no positive number', 'give hours, as in 168')
    const wanted: Wanted = {
      key: args.key === undefined ? null : readPublicKey(args.key),
      maxAgeHours: args['max-age-hours'],
      target: args.target ?? null,
      now: new Date(),
    }
    const bundle = resolve(args.run)
    const answers = isBundle(bundle)
      ? await unpacked(bundle, async (path) => verifyRun(path, wanted))
      : verifyRun(findRun(args['runs-dir'], args.run), wanted)
    const holds = overall(answers)
    if (args.json) printJson({ holds, answers })
    else print(answers, holds)
    process.exitCode = holds === true ? EXIT.ok : holds === false ? EXIT.mustFailed : EXIT.mustNotVerified
  },
}

function print(answers: readonly Answer[], holds: boolean | null): void {
  const { green, red, yellow } = paint(process.stdout)
  for (const { question, holds: one, because } of answers) {
    const mark = one === true ? green('✓') : one === false ? red('✗') : yellow('?')
    process.stdout.write(`${mark} ${question}: ${visible(because)}\n`)
  }
  const last =
    holds === true
      ? green('VERIFIED')
      : holds === false
        ? red('NOT VERIFIED: it does not say what it said')
        : yellow('NOT VERIFIED: not everything can be told')
  process.stdout.write(`${last}\n`)
}
