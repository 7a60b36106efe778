/** `serve`: the API, the worker, or both in one process, until a signal asks it to stop. */
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { composeServices, type Worsening } from '../compose.ts'
import { type Config, ConfigError, type Environment, readConfig } from '../config.ts'
import { uuidV7 } from '../http/request-id.ts'
import { createServer } from '../http/server.ts'
import { createHeartbeat } from '../jobs/heartbeat.ts'
import { createJobRunner } from '../jobs/runner.ts'
import { createLogger, describeError, type Logger } from '../logging.ts'
import { ensureIndexes, INDEXES } from '../mongo/indexes.ts'
import { openStore, type Store } from '../mongo/store.ts'
import type { Services } from '../services.ts'

export const ROLES = ['api', 'worker', 'all'] as const
export type ProcessRole = (typeof ROLES)[number]

type Stop = () => Promise<void>

/** Serves until stopped; answers the exit code. Nothing but a start that fails ends it otherwise. */
export async function serve(role: ProcessRole, env: Environment, defect: Worsening = {}): Promise<number> {
  let config: Config
  try {
    config = readConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(`conman: ${error.message}`)
    return 1
  }
  const logger = createLogger(config.logLevel)
  const stopRequested = nextSignal()
  process.on('uncaughtException', (error) => {
    logger.fatal(describeError(error), 'uncaught exception')
    process.exitCode = 1
    setTimeout(() => process.exit(1), 100)
  })

  const stops: Stop[] = []
  try {
    await start(role, config, logger, defect, stops)
  } catch (error) {
    console.error(`conman: ${describeError(error).error}`)
    await stopAll(stops, logger)
    return 1
  }
  logger.info(`received ${await stopRequested}, shutting down`)
  await stopAll(stops, logger)
  logger.flush()
  return 0
}

async function start(
  role: ProcessRole,
  config: Config,
  logger: Logger,
  defect: Worsening,
  stops: Stop[],
): Promise<void> {
  const opened = await openStoreFor(role, config, logger)
  stops.push(() => opened.close())
  const indexes = defect.indexes?.(INDEXES) ?? INDEXES
  logger.info({ collections: await ensureIndexes(opened.db, indexes) }, 'indexes ensured')

  const store = defect.store?.(opened) ?? opened
  const services = await composeServices({ config, logger, store }, defect.apply)
  stops.push(async () => services.git.close())
  services.git.probe(2_000).catch((error: unknown) => {
    logger.warn({ addr: config.git.address, ...describeError(error) }, 'git backend not reachable yet')
  })
  if (role !== 'api') {
    const runner = startWorker(services, role === 'all')
    stops.push(() => runner.drain())
  }
  if (role !== 'worker') {
    const server = await createServer(services)
    stops.push(() => server.close())
    await server.listen({ host: config.host, port: config.port, listenTextResolver: () => 'socket bound' })
    const { address, port } = server.server.address() as AddressInfo
    logger.info({ addr: `${address}:${port}` }, 'server listening')
  }
}

async function openStoreFor(role: ProcessRole, config: Config, logger: Logger): Promise<Store> {
  const uri = role === 'worker' ? config.workerMongoUri : config.mongo.uri
  return openStore({ uri, database: config.mongo.database, appName: `conman-${role}`, logger })
}

function startWorker(services: Services, sharesApi: boolean) {
  const workerId = `${hostname()}-${process.pid}-${uuidV7()}`
  const runner = createJobRunner(services, createHeartbeat(services, workerId, sharesApi))
  runner.start()
  return runner
}

/** In the reverse order of starting: first no more requests, then no more jobs, then the connections. */
async function stopAll(stops: Stop[], logger: Logger): Promise<void> {
  for (const stop of stops.toReversed()) {
    await stop().catch((error: unknown) => logger.warn(describeError(error), 'stopping a part failed'))
  }
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
}
