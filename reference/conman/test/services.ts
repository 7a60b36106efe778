/** The parts of a server without a server, on the database of a world: for what only workers ask of them. */
import { pino } from 'pino'
import { composeServices } from '../compose.ts'
import { readConfig } from '../config.ts'
import { openStore } from '../mongo/store.ts'
import type { Services } from '../services.ts'

export async function openServices(env: Record<string, string>): Promise<Services & AsyncDisposable> {
  const config = readConfig(env)
  const logger = pino({ level: 'silent' })
  const store = await openStore({ uri: config.mongo.uri, database: config.mongo.database, appName: 'tests', logger })
  const services = await composeServices({ config, logger, store })
  return Object.assign(services, {
    async [Symbol.asyncDispose]() {
      services.git.close()
      await store.close()
    },
  })
}
