/** The mend of the driver (tools/mongodb-driver.ts): a command on a connection that closes under it ends, whenever that is. */
import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import { MongoClient, MongoNetworkError } from 'mongodb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import '../../../tools/mongodb-driver.ts'

const uri = process.env.READINESS_TEST_MONGO_URI

interface Connection {
  socket: { destroy(): void; write(bytes: Uint8Array): boolean }
  writeCommand(...of: unknown[]): Promise<void>
}

const { Connection } = createRequire(import.meta.url)('mongodb/lib/cmap/connection.js') as {
  Connection: { prototype: Connection }
}
const { writeCommand } = Connection.prototype

/** Spoils the way out of commands of one kind; everything else goes as usual. */
function spoil(kind: string, write: (connection: Connection, asUsual: () => Promise<void>) => Promise<void>): void {
  Connection.prototype.writeCommand = function (this: Connection, ...of: unknown[]) {
    const asUsual = () => writeCommand.apply(this, of as [])
    const { command } = of[0] as { command?: Record<string, unknown> }
    return command?.[kind] === undefined ? asUsual() : write(this, asUsual)
  }
}

describe.skipIf(uri === undefined)('a connection that closes under a command', () => {
  let client: MongoClient
  beforeEach(async () => {
    client = await new MongoClient(uri ?? '', { retryReads: false, retryWrites: false }).connect()
  })
  afterEach(async () => {
    Connection.prototype.writeCommand = writeCommand
    await client.close()
  })

  const ending = (command: Promise<unknown>) =>
    Promise.race([command.catch((error: unknown) => error), delay(10_000, 'it never ended', { ref: false })])

  test('before the request is written: a socket that is torn down takes nothing', async () => {
    spoil('dbStats', async (connection, asUsual) => {
      connection.socket.destroy()
      await asUsual()
    })
    expect(await ending(client.db('driver').command({ dbStats: 1 }))).toBeInstanceOf(MongoNetworkError)
  })

  test('while a large request waits for the socket to take more', async () => {
    spoil('dbStats', async (connection, asUsual) => {
      connection.socket.write = () => false
      const written = asUsual()
      await delay(50)
      connection.socket.destroy()
      await written
    })
    expect(await ending(client.db('driver').command({ dbStats: 1 }))).toBeInstanceOf(MongoNetworkError)
  })

  test('and the client goes on with another', async () => {
    let spoiled = 0
    spoil('dbStats', async (connection, asUsual) => {
      spoiled += 1
      if (spoiled === 1) connection.socket.destroy()
      await asUsual()
    })
    await ending(client.db('driver').command({ dbStats: 1 }))
    expect(await client.db('driver').command({ dbStats: 1 })).toMatchObject({ ok: 1 })
  })
})
