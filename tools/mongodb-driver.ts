// Mends a race of the MongoDB driver (7.9.0, its newest; docs/decisions/mongodb-driver.md). A request that the socket does not
// take at once waits for the socket to drain, or to report an error. A socket that is torn down, because its peer went away in
// that very moment, takes nothing, and then closes without an error: the command waits for ever, and no time-out of the driver
// reaches it, for the socket that has them is gone. Seen as requests that never ended when all members of a replica set were
// killed under load. Importing this file mends the driver for the whole process.

import { createRequire } from 'node:module'

interface Connection {
  closed: boolean
  socket: { emit(event: 'error', error: Error): boolean }
  cleanup(error: Error): void
}

const { Connection } = createRequire(import.meta.url)('mongodb/lib/cmap/connection.js') as {
  Connection: { prototype: Connection }
}
const { cleanup } = Connection.prototype

/** The driver's own listener for errors finds the connection closed; whoever waits to write hears why. */
Connection.prototype.cleanup = function (this: Connection, error: Error) {
  if (this.closed) return
  cleanup.call(this, error)
  this.socket.emit('error', error)
}
