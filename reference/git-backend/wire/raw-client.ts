// Calls methods with bytes, and gives bytes back: nothing between a test and the wire but HTTP/2.

import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import type { Kind } from './messages.ts'

const same = (bytes: Buffer): Buffer => bytes

export class RawClient {
  readonly #client: Client

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure())
  }

  /** The replies, in order. A client stream's requests are all sent at once, as are a bidirectional one's. */
  async call(path: string, kind: Kind, requests: readonly Buffer[]): Promise<Buffer[]> {
    const replies: Buffer[] = []
    switch (kind) {
      case 'unary':
        replies.push(
          await new Promise<Buffer>((resolve, reject) => {
            const done = (error: ServiceError | null, reply?: Buffer) => (error ? reject(error) : resolve(reply!))
            this.#client.makeUnaryRequest(path, same, same, requests[0]!, new Metadata(), {}, done)
          }),
        )
        break
      case 'client-stream':
        replies.push(
          await new Promise<Buffer>((resolve, reject) => {
            const done = (error: ServiceError | null, reply?: Buffer) => (error ? reject(error) : resolve(reply!))
            const call = this.#client.makeClientStreamRequest(path, same, same, done)
            for (const request of requests) call.write(request)
            call.end()
          }),
        )
        break
      case 'server-stream': {
        const call = this.#client.makeServerStreamRequest(path, same, same, requests[0]!)
        for await (const reply of call) replies.push(reply as Buffer)
        break
      }
      case 'bidirectional': {
        const call = this.#client.makeBidiStreamRequest(path, same, same)
        for (const request of requests) call.write(request)
        call.end()
        for await (const reply of call) replies.push(reply as Buffer)
        break
      }
    }
    return replies
  }

  close(): void {
    this.#client.close()
  }
}
