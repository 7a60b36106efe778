// `./readiness bench`: prints and stores figures of this machine.

import { writeFileSync } from 'node:fs'
import type { CommandModule } from 'yargs'
import { bench as measure } from '../bench/bench.ts'
import { benchMarkdown, shown } from '../bench/figures.ts'
import { interruption, jsonOption, printJson, progressFor, runsDirOption } from './terminal.ts'

export const bench: CommandModule<object, { 'runs-dir': string; json: boolean; markdown: string | undefined }> = {
  command: 'bench',
  describe: 'measure the harness and the bundled Conman on this machine; stores the figures',
  builder: (y) =>
    y
      .option('runs-dir', runsDirOption)
      .option('markdown', { type: 'string', describe: 'also write the table into this file, e.g. docs/benchmarks.md' })
      .option('json', jsonOption),
  handler: async (args) => {
    const { bench: result, file } = await measure({
      runsFolder: args['runs-dir'],
      progress: progressFor(args.json),
      signal: interruption.signal,
    })
    if (args.markdown !== undefined) writeFileSync(args.markdown, `# Benchmarks\n\n${benchMarkdown(file)}`)
    if (args.json) printJson(result)
    else {
      for (const { name, value, unit, wanted } of result.figures) {
        process.stdout.write(
          `${name.padEnd(52)} ${shown(value).padStart(8)} ${unit.padEnd(9)} ${wanted ? `wanted ${wanted}` : ''}\n`,
        )
      }
      process.stdout.write(`stored: ${file}\n`)
    }
  },
}
