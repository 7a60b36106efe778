// A SOCKS5 relay, run as a process of its own: a MongoDB driver whose connection string names it (proxyHost, proxyPort) sends
// every connection through it, its monitors' too, whichever hosts the replica set names. With Toxiproxy before it, one
// switch carries one client. It connects to the replica set's own ports on loopback and to nothing else.
// Arguments: --listen 127.0.0.1:PORT --allow PORT,PORT,PORT.

import { connect, createServer, type Socket } from 'node:net'
import { parseArgs } from 'node:util'

const VERSION = 5
const METHOD_NONE = 0
const NO_METHOD = 0xff
const COMMAND_CONNECT = 1
const ADDRESS = { ipv4: 1, name: 3, ipv6: 4 } as const
const REPLY = { succeeded: 0, notAllowed: 2, refused: 5, commandUnknown: 7, addressUnknown: 8 } as const

/** A client that has not said where it wants to go by then is none of ours. */
const HANDSHAKE_WITHIN_MS = 10_000

/** Where this relay may connect to: loopback, under the names that a replica set may give it. */
const LOOPBACK = new Set(['127.0.0.1', 'localhost'])

const { values } = parseArgs({ options: { listen: { type: 'string' }, allow: { type: 'string' } } })
const [host = '', port = ''] = (values.listen ?? '').split(':')
const allowed = new Set((values.allow ?? '').split(',').map(Number))

// Half-open: one side's end of sending is passed on as such, not turned into an end of both.
createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  client.on('error', () => client.destroy())
  client.setTimeout(HANDSHAKE_WITHIN_MS, () => client.destroy())
  let received: Buffer = Buffer.alloc(0)
  let greeted = false
  const onData = (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    if (!greeted) {
      if (received.length < 2 || received.length < 2 + (received[1] ?? 0)) return
      const methods = received.subarray(2, 2 + (received[1] ?? 0))
      if (received[0] !== VERSION || !methods.includes(METHOD_NONE)) return client.end(Buffer.of(VERSION, NO_METHOD))
      greeted = true
      received = received.subarray(2 + methods.length)
      client.write(Buffer.of(VERSION, METHOD_NONE))
    }
    const request = parseRequest(received)
    if (request === undefined) return
    client.off('data', onData)
    client.setTimeout(0)
    if (request.refused !== undefined) return client.end(reply(request.refused))
    relay(client, request.port, received.subarray(request.length))
  }
  client.on('data', onData)
}).listen(Number(port), host, () => {
  process.stdout.write(
    `${JSON.stringify({ message: 'socks relay listening', listen: values.listen, allow: [...allowed] })}\n`,
  )
})

interface Request {
  length: number
  port: number
  refused?: number
}

/** RFC 1928, section 4. `undefined` while it is not all there. */
function parseRequest(bytes: Buffer): Request | undefined {
  if (bytes.length < 5) return undefined
  const kind = bytes[3]
  const from = kind === ADDRESS.name ? 5 : 4
  const length = kind === ADDRESS.ipv4 ? 4 : kind === ADDRESS.ipv6 ? 16 : (bytes[4] ?? 0)
  if (bytes.length < from + length + 2) return undefined
  const address = bytes.subarray(from, from + length)
  const request: Request = { length: from + length + 2, port: bytes.readUInt16BE(from + length) }
  if (bytes[1] !== COMMAND_CONNECT) return { ...request, refused: REPLY.commandUnknown }
  if (kind === ADDRESS.ipv6) return { ...request, refused: REPLY.addressUnknown }
  const name = kind === ADDRESS.ipv4 ? address.join('.') : address.toString('latin1')
  return LOOPBACK.has(name) && allowed.has(request.port) ? request : { ...request, refused: REPLY.notAllowed }
}

function reply(code: number): Buffer {
  return Buffer.of(VERSION, code, 0, ADDRESS.ipv4, 127, 0, 0, 1, 0, 0)
}

/** Said once: it tells who starts a Conman that its driver takes this way. */
let used = false
function sayThatItIsUsed(): void {
  if (used) return
  used = true
  process.stdout.write(`${JSON.stringify({ message: 'socks relay used' })}\n`)
}

function relay(client: Socket, toPort: number, early: Buffer): void {
  // What follows waits in the socket until the member is connected.
  client.pause()
  const member = connect({ host: '127.0.0.1', port: toPort, noDelay: true, allowHalfOpen: true })
  const refuse = () => client.end(reply(REPLY.refused))
  member.once('error', refuse)
  // Both directions of both sockets: when one side is reset, so is the other, as it would be without a relay between.
  client.on('close', (failed) => (failed ? member.resetAndDestroy() : member.destroy()))
  member.once('connect', () => {
    member.off('error', refuse)
    member.on('error', () => client.resetAndDestroy())
    member.on('close', () => client.destroySoon())
    sayThatItIsUsed()
    client.write(reply(REPLY.succeeded))
    if (early.length > 0) member.write(early)
    client.pipe(member)
    member.pipe(client)
  })
}
