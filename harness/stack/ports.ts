// Free TCP ports on loopback. They lie below the range from which the kernel picks ports for outgoing connections, so that
// no such connection takes one between our probe and the program's bind. Another harness may still be as quick: whoever
// starts a program on a port starts it again on another when the address is in use.

import { createServer } from 'node:net'
import { HarnessError } from '../errors.ts'

const LOWEST = 20_000
const HIGHEST = 32_000

const handedOut = new Set<number>()
/** Harnesses beside each other begin at different places and seldom meet. */
let next = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))

/** A port that nobody listens on. It is not handed out twice by this process. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries <= HIGHEST - LOWEST; tries++) {
    const port = next
    next = next >= HIGHEST ? LOWEST : next + 1
    if (handedOut.has(port)) continue
    // Taken before the first await: two callers at once must not probe the same one.
    handedOut.add(port)
    if (await canBind(port)) return port
    handedOut.delete(port)
  }
  throw new HarnessError(`no free port between ${LOWEST} and ${HIGHEST}`, 'end programs that listen there (ss -ltn)')
}

export async function freePorts(count: number): Promise<number[]> {
  return await Promise.all(Array.from({ length: count }, freePort))
}

/** Gives ports back once nothing listens on them any more. */
export function releasePorts(ports: Iterable<number>): void {
  for (const port of ports) handedOut.delete(port)
}

/** Nobody listens on it on loopback, and we may. */
export async function canBind(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** How programs say that somebody else was quicker: Node, Go and mongod. */
const ADDRESS_IN_USE = /EADDRINUSE|address already in use|SocketException.*in use/i

export function saysAddressInUse(text: string): boolean {
  return ADDRESS_IN_USE.test(text)
}

/** A program found its port taken. */
export class AddressInUse extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'AddressInUse'
  }
}

const ATTEMPTS_MAX = 5

/** Runs `start`, which picks ports of its own each time, again as long as one of them turns out to be taken. */
export async function withFreshPorts<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start()
    } catch (error) {
      if (!(error instanceof AddressInUse)) throw error
      if (attempt === ATTEMPTS_MAX) {
        throw new HarnessError(
          error.message,
          `${ATTEMPTS_MAX} times in a row another program took the port first: look at ss -ltnp`,
          {
            cause: error,
          },
        )
      }
    }
  }
}
