// Goes a way once: connects, says what stands at its end would answer to, and tells what came.

import { connect } from 'node:net'
import { BSON } from 'mongodb'
import type { ProxyRole } from '../../../harness/target/options.ts'

export interface Passage {
  kind: 'answered' | 'refused' | 'reset' | 'closed' | 'silent'
  took_ms: number
}

/** Within one machine an answer comes at once; a way that is late on purpose is late by seconds. */
const ANSWER_WITHIN_MS = 500

/** SOCKS5, no authentication: the relay before MongoDB chooses a method. */
const TO_RELAY = Buffer.from([5, 1, 0])

/** HTTP/2's preface and empty settings: a gRPC server sends its own. */
const TO_GRPC = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
])

/** MongoDB's OP_MSG: for a proxy that stands before a member itself. */
const TO_MONGO = messageOf({ hello: 1, $db: 'admin' })

function messageOf(command: object): Buffer {
  const body = BSON.serialize(command)
  const head = Buffer.alloc(21)
  // Its length, its number, no answer's number, the opcode; no flags; one section of kind 0.
  for (const [index, word] of [head.length + body.length, 1, 0, 2013].entries()) head.writeInt32LE(word, 4 * index)
  return Buffer.concat([head, body])
}

/** `listen` as Toxiproxy writes it: `127.0.0.1:8666`, `[::]:8666`. `relayed`: the way to MongoDB begins with our relay. */
export async function goThrough(listen: string, role: ProxyRole, relayed: boolean): Promise<Passage> {
  const port = Number(listen.slice(listen.lastIndexOf(':') + 1))
  const named = listen.slice(0, listen.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  // What listens on all addresses is tried on this machine's own.
  const host = named === '' || named === '::' || named === '0.0.0.0' ? '127.0.0.1' : named
  const greeting = role === 'git' ? TO_GRPC : relayed ? TO_RELAY : TO_MONGO
  const started = performance.now()
  return await new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true })
    const end = (kind: Passage['kind']) => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ kind, took_ms: performance.now() - started })
    }
    const timer = setTimeout(() => end('silent'), ANSWER_WITHIN_MS)
    socket.once('connect', () => socket.write(greeting))
    socket.once('data', () => end('answered'))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED' ? 'refused' : 'reset'))
    socket.once('close', () => end('closed'))
  })
}
