// `./readiness probe`: walks the whole product flow once on a Conman and says, step by step, what worked and what differs
// from the contract. The first thing to run on one that nobody has tested yet.

import { join } from 'node:path'
import type { CommandModule } from 'yargs'
import { contract, howItDiffers } from '../../checklist/CONTRACT/check.ts'
import { type ContractEvidence, ContractEvidenceSchema, type TakenStep } from '../../checklist/CONTRACT/evidence.ts'
import { MARKS } from '../../checklist/CONTRACT/gather.ts'
import { ROWS } from '../../checklist/CONTRACT/rows.ts'
import { visibleLine } from '../../reports/visible.ts'
import { type ConsentFlags, withConsent } from '../consent.ts'
import { HarnessError, UsageError } from '../errors.ts'
import { demandSchema, readJsonFile } from '../evidence/store.ts'
import { type Executed, execute } from '../execute.ts'
import { openTarget } from '../target/open.ts'
import { seedingOf } from '../target/options.ts'
import { type AimArguments, aimed, aimOptions } from './aim.ts'
import { consentOptions } from './consent-options.ts'
import { commandWithEnvironment } from './run.ts'
import { interruption, jsonOption, paint, printJson, progressFor, runsDirOption } from './terminal.ts'

interface ProbeArguments extends AimArguments, ConsentFlags {
  'runs-dir': string
  json: boolean
}

export const probe: CommandModule<object, ProbeArguments> = {
  command: 'probe',
  describe: 'walk the whole product flow once, and say what works and what differs from the contract',
  builder: (y) =>
    y
      .options(aimOptions)
      .options(consentOptions)
      .option('runs-dir', runsDirOption)
      .option('json', jsonOption)
      .example('$0 probe', 'the bundled Conman')
      .example('CONMAN_SERVER_CMD=/path/to/conman $0 probe', 'a program of your own'),
  handler: async (args) => {
    const target = withConsent(await aimed(args), args)
    const executed = await execute({
      checks: [contract],
      profile: 'smoke',
      runsFolder: args['runs-dir'],
      randomSeed: 1,
      overrides: new Map(),
      seedOver: seedingOf('auto', target),
      command: commandWithEnvironment(),
      // One request at a time needs no load generator: nobody waits for one to be built.
      target: { ...target, tools: target.tools.filter((tool) => tool !== 'k6') },
      openTarget,
      progress: progressFor(args.json),
      signal: interruption.signal,
    })
    const evidence = evidenceOf(executed)
    const result = executed.verdicts.checks[0]!
    if (args.json) {
      printJson({ ...evidence, outcome: result.outcome, because: result.because, report: executed.report })
    } else {
      process.stdout.write(`${[...stepLines(evidence), `report: ${executed.report}`, sentence(evidence)].join('\n')}\n`)
    }
    process.exitCode = executed.verdicts.exit_code
  },
}

/** What was gathered. Where nothing was, the reason why is this command's own end. */
function evidenceOf({ folder, verdicts }: Executed): ContractEvidence {
  const { evidence, because, remedy } = verdicts.checks[0]!
  if (evidence === null) {
    interruption.signal.throwIfAborted()
    const harnessFailed = verdicts.exit_code === 4
    throw harnessFailed
      ? new HarnessError(because, remedy ?? `see ${folder}`)
      : new UsageError(`the flow was not walked: ${because}`, remedy ?? `see ${folder}`)
  }
  const file = join(folder, evidence)
  const content = readJsonFile(file)
  demandSchema(ContractEvidenceSchema, content, file)
  return content as ContractEvidence
}

function stepLines({ steps }: ContractEvidence): string[] {
  const { green, yellow, red, dim, bold } = paint(process.stdout)
  const tones = { worked: green, differs: yellow, refused: red, 'no answer': red, skipped: dim }
  const lines: string[] = []
  for (const [part, taken] of Map.groupBy(steps, (step) => step.part)) {
    lines.push(bold(part))
    for (const step of taken) {
      lines.push(`  ${tones[step.outcome](MARKS[step.outcome])} ${step.name}${dim(requestOf(step))}`)
      if (step.because !== null) lines.push(`      ${visibleLine(step.because)}`)
      for (const { id, wanted, got } of step.differences) {
        const row = ROWS[id]
        lines.push(`      ${id} ${row?.topic ?? ''} (${row?.demand ?? '–'}): wanted ${wanted}, got ${visibleLine(got)}`)
      }
    }
  }
  return lines
}

function requestOf({ method, route, status, duration_ms }: TakenStep): string {
  if (method === null) return ''
  const ended = status === null ? '' : status === 0 ? ', no answer' : `, ${status}`
  return `  ${method} ${route}${ended}${duration_ms === null ? '' : `, ${duration_ms.toFixed(0)} ms`}`
}

function sentence({ steps }: ContractEvidence): string {
  const flow = steps.filter((step) => step.of_flow)
  const reached = flow.filter((step) => step.reached).length
  const differ = howItDiffers(steps)
  if (reached === flow.length) return `The whole product flow works, all ${flow.length} steps of it, ${differ}.`
  const missed = flow.filter((step) => !step.reached)
  const first = missed.find((step) => step.outcome !== 'skipped') ?? missed[0]!
  return `The product flow does not work whole: ${reached} of ${flow.length} steps did, the first that did not is ‘${first.name}’, ${differ}.`
}
