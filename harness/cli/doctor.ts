// `./readiness doctor`: each program's version and origin, and what to type where one is missing.

import type { CommandModule } from 'yargs'
import { EXIT } from '../errors.ts'
import { doctor } from '../toolchain/doctor.ts'
import { interruption, jsonOption, paint, printJson, progressFor } from './terminal.ts'

export const doctorVerb: CommandModule<object, { json: boolean; install: boolean }> = {
  command: 'doctor',
  describe: 'shows k6, Toxiproxy, mongod and git: version, origin, and what to type where one is missing',
  builder: (y) =>
    y
      .option('install', { type: 'boolean', default: false, describe: 'build or fetch what is missing' })
      .option('json', jsonOption),
  handler: async (args) => {
    const progress = progressFor(args.json)
    const reports = await doctor({ install: args.install, onProgress: progress.say, signal: interruption.signal })
    if (reports.some((report) => report.state === 'missing')) process.exitCode = EXIT.usage
    if (args.json) {
      printJson({ node: process.version, tools: reports })
      return
    }
    const { bold, green, red, yellow, dim } = paint(process.stdout)
    process.stdout.write(
      `${green('✓')} ${bold('node'.padEnd(18))} ${process.version.slice(1).padEnd(10)} ${dim(process.execPath)}\n`,
    )
    for (const report of reports) {
      const shape = { found: green('✓'), installable: yellow('○'), missing: red('✗') }[report.state]
      const version = (report.version ?? report.state).padEnd(10)
      process.stdout.write(
        `${shape} ${bold(report.name.padEnd(18))} ${version} ${dim(`${report.wanted}  ${report.origin ?? ''} ${report.path ?? ''}`)}\n`,
      )
      if (report.state !== 'found') {
        for (const attempt of report.tried)
          process.stdout.write(
            `    ${dim(`${attempt.place}${attempt.path ? ` ${attempt.path}` : ''}: ${attempt.why}`)}\n`,
          )
      }
      if (report.remedy) process.stdout.write(`  → ${report.remedy}\n`)
    }
    const missing = reports.filter((report) => report.state === 'missing').length
    process.stdout.write(
      missing === 0
        ? 'everything is there, or comes by itself with the first run that needs it\n'
        : `${missing} missing\n`,
    )
  },
}
