// `./readiness`: the command line. One file a verb; what they share is how they end: one line, a remedy, an exit code.

import { Socket } from 'node:net'
import yargs from 'yargs'
import { visible } from '../../reports/visible.ts'
import { EXIT, HarnessError, Interrupted, UsageError } from '../errors.ts'
import { reasonOf } from '../evidence/store.ts'
import { HARNESS_VERSION } from '../version.ts'
import { baselines } from './baselines.ts'
import { bench } from './bench.ts'
import { bundle } from './bundle.ts'
import { clean } from './clean.ts'
import { compare } from './compare.ts'
import { config } from './config.ts'
import { doctorVerb } from './doctor.ts'
import { down } from './down.ts'
import { judgeVerb } from './judge.ts'
import { k8s } from './k8s.ts'
import { list } from './list.ts'
import { plan } from './plan.ts'
import { probe } from './probe.ts'
import { prove } from './prove.ts'
import { referenceCommand } from './reference-command.ts'
import { reportVerb } from './report.ts'
import { run } from './run.ts'
import { prune, runs } from './runs.ts'
import { seed } from './seed.ts'
import { signOff } from './sign-off.ts'
import { interruption, paint } from './terminal.ts'
import { up } from './up.ts'
import { verify } from './verify.ts'

watchSignals()

try {
  await yargs(process.argv.slice(2))
    .scriptName('./readiness')
    .usage(
      '$0 <verb> [options]\n\nSays whether a Conman holds: load, faults, security, and a verdict that can be recomputed.',
    )
    .command(probe)
    .command(plan)
    .command(run)
    .command(k8s)
    .command(judgeVerb)
    .command(reportVerb)
    .command(signOff)
    .command(bundle)
    .command(verify)
    .command(prove)
    .command(list)
    .command(compare)
    .command(baselines)
    .command(runs)
    .command(prune)
    .command(clean)
    .command(up)
    .command(down)
    .command(referenceCommand)
    .command(config)
    .command(seed)
    .command(doctorVerb)
    .command(bench)
    .option('color', {
      type: 'boolean',
      describe: 'colours (default: on a terminal only; NO_COLOR is obeyed)',
      global: true,
    })
    .demandCommand(1, 'which verb?')
    .strict()
    .recommendCommands()
    .help()
    .alias('h', 'help')
    .version(HARNESS_VERSION)
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .epilogue(
      'Exit codes: 0 all MUSTs pass · 1 a MUST failed · 2 a MUST was not verified · 3 usage or configuration · 4 the harness failed · 130 interrupted',
    )
    .fail((message, error) => {
      throw error ?? new UsageError(message, 'see ./readiness --help')
    })
    .parseAsync()
} catch (cause) {
  process.exitCode = explain(cause)
}

// Everything is disposed by now; a library's idle socket must not hold the answer back.
process.exit()

function explain(cause: unknown): number {
  const error = interruption.signal.aborted ? (interruption.signal.reason as unknown) : cause
  const red = paint(process.stderr).red
  if (error instanceof Interrupted) {
    process.stderr.write(`readiness: ${error.message}; nothing was left running\n`)
    return EXIT.interrupted
  }
  if (error instanceof UsageError || error instanceof HarnessError) {
    process.stderr.write(`${red('readiness:')} ${visible(error.message)}\n  → ${visible(error.remedy)}\n`)
    return error.exitCode
  }
  if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') {
    process.stderr.write(`${red('readiness:')} ${reasonOf(error)}\n  → make room and run again\n`)
    return EXIT.harness
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(
    `${red('readiness:')} the harness failed: ${visible(detail)}\n  → this is a fault of the harness: please report it\n`,
  )
  return EXIT.harness
}

/** The first signal ends the run in order; a second one ends it at once, and the reaper does the cleaning. */
function watchSignals(): void {
  let first_ms = 0
  const end = (name: string) => {
    if (interruption.signal.aborted) {
      // The launcher may pass on what the terminal has sent here already: that is still the first one.
      if (performance.now() - first_ms > 500) process.exit(EXIT.interrupted)
      return
    }
    first_ms = performance.now()
    process.stderr.write(`\n${name}: ending; everything that was started is being taken down\n`)
    interruption.abort(new Interrupted(name))
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => end(name))
  // The launcher's pipe: it closes when the launcher is gone, and with it whoever wanted the result.
  const descriptor = Number(process.env.READINESS_LAUNCHER_FD)
  delete process.env.READINESS_LAUNCHER_FD
  if (!Number.isInteger(descriptor) || descriptor < 3) return
  // A socket and not a file stream: a blocking read of a file would hold up the end of the process.
  const pipe = new Socket({ fd: descriptor, readable: true, writable: false })
  pipe.on('error', () => {})
  pipe.on('end', () => {
    if (!interruption.signal.aborted) end('the launcher was killed')
  })
  pipe.resume()
  pipe.unref()
}
