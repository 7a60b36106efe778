/** Logs every MongoDB operation that takes longer than E12's 100 ms, with what it was and never with what it carried. */
import type { CommandStartedEvent, MongoClient } from 'mongodb'
import type { Logger } from '../logging.ts'

const SLOW_MS = 100
/** Making the indexes at start takes its time on an empty database too, and nobody waits for it. */
const NOT_QUERIES = new Set(['createIndexes'])

export function logSlowQueries(client: MongoClient, logger: Logger): void {
  const collections = new Map<number, string>()
  client.on('commandStarted', (event) => {
    collections.set(event.requestId, collectionOf(event))
  })
  const finished = (
    event: { requestId: number; commandName: string; duration: number; address: string },
    ok: boolean,
  ) => {
    const collection = collections.get(event.requestId)
    collections.delete(event.requestId)
    if (event.duration <= SLOW_MS || NOT_QUERIES.has(event.commandName)) return
    const { commandName: operation, duration: duration_ms, address: server } = event
    logger.warn({ operation, collection, duration_ms, server, ok }, 'slow query')
  }
  client.on('commandSucceeded', (event) => finished(event, true))
  client.on('commandFailed', (event) => finished(event, false))
}

function collectionOf(event: CommandStartedEvent): string {
  const target: unknown = event.command[event.commandName === 'getMore' ? 'collection' : event.commandName]
  return typeof target === 'string' ? target : event.databaseName
}
