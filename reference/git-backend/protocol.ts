// The protocol as loaded from the proto files: services to register, and messages to encode by hand.

import { fileURLToPath } from 'node:url'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { loadSync, type MessageTypeDefinition, type Options } from '@grpc/proto-loader'

/** How messages look in this program: fields by their proto names, numbers for 64-bit integers and enums. */
export const LOADER_OPTIONS: Options = { keepCase: true, longs: Number, enums: Number, defaults: true, oneofs: true }

const files = ['gitaly.proto', 'health.proto', 'status.proto']

const definitions = loadSync(
  files.map((file) => fileURLToPath(new URL(`../proto/${file}`, import.meta.url))),
  LOADER_OPTIONS,
)

export function service(name: string): ServiceDefinition {
  return find(name) as ServiceDefinition
}

export function encode(message: string, fields: object): Buffer {
  return (find(message) as MessageTypeDefinition<object, object>).serialize(fields)
}

export function decode(message: string, bytes: Buffer): object {
  return (find(message) as MessageTypeDefinition<object, object>).deserialize(bytes)
}

function find(name: string): unknown {
  const definition = definitions[name]
  if (!definition) throw new Error(`the protocol has no ${name}`)
  return definition
}
