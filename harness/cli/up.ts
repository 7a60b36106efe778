// `./readiness up`: a stack with the bundled Conman for a person, until `down`.

import type { CommandModule } from 'yargs'
import { UsageError } from '../errors.ts'
import { demandDefects } from '../prove.ts'
import { keepStack } from '../stack/keep.ts'

import { startStack } from '../stack/stack.ts'
import { UNTHROTTLED } from '../target/own-stack.ts'
import { interruption, jsonOption, paint, printJson, progressFor } from './terminal.ts'

interface UpArguments {
  port: number | undefined
  defect: string | undefined
  limits: boolean
  json: boolean
}

export const up: CommandModule<object, UpArguments> = {
  command: 'up',
  describe: 'keep a stack with the bundled Conman up, and print its addresses and credentials',
  builder: (y) =>
    y
      .option('port', { type: 'number', describe: 'port of Conman on 127.0.0.1 (default: a free one)' })
      .option('limits', {
        type: 'boolean',
        default: false,
        describe: 'with the specified rate limits; without, they are off',
      })
      .option('defect', { type: 'string', describe: 'with a known defect (see ./readiness prove --list)' })
      .option('json', jsonOption),
  handler: async (args) => {
    demandPort(args.port)
    if (args.defect !== undefined) await demandDefects([args.defect])
    const progress = progressFor(args.json)
    await using stack = await startStack(
      {
        env: {
          ...(args.limits ? {} : UNTHROTTLED),
          ...(args.defect === undefined ? {} : { CONMAN_DEFECT: args.defect }),
        },
        ...(args.port === undefined ? {} : { conmanPort: args.port }),
        onProgress: (line) => progress.update(line),
      },
      interruption.signal,
    )
    const { addresses } = stack
    await keepStack(stack)
    progress.say('the stack is up')
    if (args.json) {
      printJson(addresses)
      return
    }
    const { bold, dim } = paint(process.stdout)
    const rows: [string, string][] = [
      ['Conman', addresses.baseUrl],
      ['admin', addresses.adminEmail],
      ['password', addresses.adminPassword],
      ['MongoDB', addresses.mongoUri],
      ['database', addresses.databaseName],
      ['git backend', `http://${addresses.gitAddress}`],
      ['repositories', addresses.gitStorage],
      ['Toxiproxy', addresses.toxiproxyUrl],
      ['outbox', addresses.outboxFile],
      ['logs', addresses.logDir],
    ]
    for (const [name, value] of rows) process.stdout.write(`${bold(name.padEnd(14))}${value}\n`)
    process.stdout.write(`${dim('with --json: for a program')}\nend it with: ./readiness down ${addresses.id}\n`)
  },
}

function demandPort(port: number | undefined): void {
  if (port === undefined || (Number.isInteger(port) && port >= 1 && port <= 65_535)) return
  throw new UsageError('--port must be 1 to 65535', 'give it like --port 3000')
}
