// `./readiness config`: checks the configuration file without contacting anybody, prints its schema, and an example.

import { readFileSync } from 'node:fs'
import type { CommandModule } from 'yargs'
import { visibleLine } from '../../reports/visible.ts'
import { CAPABILITIES, type Capability } from '../capabilities.ts'
import { type CheckedFile, type CheckedTarget, checkFile } from '../config/check.ts'
import { CONFIG_FILE, ConfigSchema } from '../config/schema.ts'
import { EXIT } from '../errors.ts'
import { jsonOption, paint, printJson } from './terminal.ts'

const EXAMPLE = new URL('../config/readiness.config.example.yaml', import.meta.url)

const check: CommandModule<object, { config: string; json: boolean }> = {
  command: 'check',
  describe: 'what is wrong in the file; each target, what it lets a run reach and what is missing. Contacts nobody',
  builder: (y) =>
    y
      .option('config', { type: 'string', default: CONFIG_FILE, describe: 'the configuration file', requiresArg: true })
      .option('json', jsonOption),
  handler: async ({ config, json }) => {
    const checked = await checkFile(config, process.env, process.cwd())
    if (!checked.good) process.exitCode = EXIT.usage
    if (json) printJson(checked)
    else process.stdout.write(shown(checked))
  },
}

function shown(checked: CheckedFile): string {
  const { red, bold, dim } = paint(process.stdout)
  const lines = checked.complaints.flatMap(({ line, remedy }) => [
    `${red('✗')} ${visibleLine(line)}`,
    `  → ${visibleLine(remedy)}`,
  ])
  for (const target of checked.targets) {
    const mark = target.name === checked.default ? ' (default)' : ''
    lines.push(`${bold(target.name)}${mark}  ${visibleLine(target.address ?? 'cannot be opened: see above')}`)
    if (target.address !== null) lines.push(...reachLines(target).map((line) => dim(line)))
  }
  lines.push(
    checked.good
      ? `${checked.file} is good: ${checked.targets.length === 1 ? 'one target' : `${checked.targets.length} targets`}; nobody was contacted`
      : `${checked.file} is not good: ${checked.complaints.length} ${checked.complaints.length === 1 ? 'complaint' : 'complaints'}`,
  )
  return `${lines.join('\n')}\n`
}

function reachLines({ reached, missing, consent }: CheckedTarget): string[] {
  return [
    `  reached   ${reached.join(', ')}`,
    ...missing.map(({ capability, because }) => {
      const { what, handOver } = CAPABILITIES[capability as Capability]
      return `  missing   ${what}${because === null ? '' : ` (${visibleLine(because)})`}: ${handOver}`
    }),
    ...(consent === null ? [] : [`  consent   ${visibleLine(consent)}`]),
  ]
}

const schema: CommandModule = {
  command: 'schema',
  describe: 'the JSON schema of the file, for an editor',
  handler: () => printJson(ConfigSchema),
}

const example: CommandModule = {
  command: 'example',
  describe: 'a file to begin with',
  handler: () => {
    process.stdout.write(readFileSync(EXAMPLE, 'utf8'))
  },
}

export const config: CommandModule = {
  command: 'config',
  describe: `${CONFIG_FILE}: check it, print its schema or an example`,
  builder: (y) => y.command(check).command(schema).command(example).demandCommand(1, 'check, schema or example?'),
  handler: () => {},
}
