// The bundled git backend: a Gitaly of one storage, for stacks that have no real one.

import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js'
import yargs from 'yargs'
import { hideBin } from 'yargs/helpers'
import { log } from './log.ts'
import { StartError, startGitBackend } from './server.ts'

// Whoever started it may stop reading its log; it serves on.
process.stdout.on('error', () => {})

// The library's own lines are not JSON, and tell nothing that the log does not.
setLogVerbosity(logVerbosity.NONE)

await yargs(hideBin(process.argv))
  .scriptName('git-backend')
  .command(
    'serve',
    'Serve the repositories of a directory over the Gitaly protocol',
    (command) =>
      command
        .option('storage', { type: 'string', demandOption: true, describe: 'Directory of the storage `default`' })
        .option('listen', { type: 'string', default: '127.0.0.1:8075', describe: 'Address and port, in clear text' })
        .option('control', { type: 'string', describe: 'Address and port of a back door for tests of its callers' })
        .option('git', { type: 'string', default: 'git', describe: 'The git program' }),
    (options) => serve(options),
  )
  .demandCommand(1)
  .strict()
  .parseAsync()

async function serve(options: {
  storage: string
  listen: string
  git: string
  control?: string | undefined
}): Promise<void> {
  try {
    const backend = await startGitBackend({ ...options, log })
    let closing = false
    const stop = (signal: NodeJS.Signals) => {
      if (closing) return
      closing = true
      log('info', 'git backend stopping', { signal })
      void backend.close().then(() => process.exit(0))
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
    log('info', 'git backend listening', { addr: backend.address, storage: backend.storage.root })
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    console.error(`git-backend: ${error.message}`)
    process.exit(1)
  }
}
