// `./readiness reference-command`: the command of the bundled Conman, so that it can be judged as a stranger's would be:
// CONMAN_SERVER_CMD="$(./readiness reference-command)" ./readiness run L1.

import type { CommandModule } from 'yargs'
import { quoteWords } from '../quoting.ts'
import { BUNDLED_CONMAN } from '../stack/conman.ts'
import { jsonOption, printJson } from './terminal.ts'

export const referenceCommand: CommandModule<object, { json: boolean }> = {
  command: 'reference-command',
  describe: 'print the command of the bundled Conman, as CONMAN_SERVER_CMD takes it',
  builder: (y) => y.option('json', jsonOption),
  handler: ({ json }) => {
    const { command, args } = BUNDLED_CONMAN
    const text = quoteWords([command, ...args])
    if (json) printJson({ command, args, text })
    else process.stdout.write(`${text}\n`)
  },
}
