// `./readiness list`: the catalogue, and what of the go-live list this version has no check for.

import type { CommandModule } from 'yargs'
import { CATALOGUE } from '../catalogue.ts'
import { requiredWithoutCheck } from '../planning.ts'
import { jsonOption, paint, printJson } from './terminal.ts'

export const list: CommandModule<object, { json: boolean }> = {
  command: 'list',
  describe: 'the catalogue of checks',
  builder: (y) => y.option('json', jsonOption),
  handler: (args) => {
    const checks = CATALOGUE.map(({ id, title, requirement, profiles, onlyByName = false, limits }) => ({
      id,
      title,
      requirement,
      profiles,
      only_by_name: onlyByName,
      limits,
    }))
    const without = requiredWithoutCheck()
    if (args.json) {
      printJson({ checks, required_without_check: without })
      return
    }
    const { bold, dim } = paint(process.stdout)
    for (const check of checks) {
      process.stdout.write(`${bold(check.id.padEnd(10))} ${check.requirement.level.padEnd(6)} ${check.title}\n`)
      process.stdout.write(
        `${' '.repeat(18)}${dim(`${check.requirement.source}; profiles ${check.profiles.join(', ')}${check.only_by_name ? '; only when it is named' : ''}`)}\n`,
      )
      for (const limit of check.limits) {
        process.stdout.write(
          `${' '.repeat(18)}${dim(`--limit ${check.id}.${limit.name}=${limit.value} (${limit.source})`)}\n`,
        )
      }
    }
    process.stdout.write(
      `${checks.length} checks; a GO also needs ${without.length} that this version has no check for\n`,
    )
  },
}
