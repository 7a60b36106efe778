// `./readiness down`: ends stacks that were left up, whole.

import type { CommandModule } from 'yargs'
import { endKept, listKept } from '../stack/keep.ts'

export const down: CommandModule<object, { id: string | undefined }> = {
  command: 'down [id]',
  describe: 'end the stacks that are kept up, or the one named',
  builder: (y) => y.positional('id', { type: 'string', describe: 'the stack’s id; none means all' }),
  handler: async (args) => {
    const ids = args.id === undefined ? (await listKept()).map((report) => report.state.id) : [args.id]
    for (const id of ids) {
      await endKept(id)
      process.stdout.write(`ended ${id}\n`)
    }
    process.stdout.write(ids.length === 0 ? 'no stack is kept up\n' : `${ids.length} ended; nothing is left of them\n`)
  },
}
