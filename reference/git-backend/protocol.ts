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

/** The service as a server registers it, with replies as the other implementations write them. */
export function servedService(name: string): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(service(name)).map(([method, { responseSerialize, ...rest }]) => [
      method,
      { ...rest, responseSerialize: (reply: object) => responseSerialize(withoutDefaults(reply)) },
    ]),
  )
}

export function encode(message: string, fields: object): Buffer {
  return (find(message) as MessageTypeDefinition<object, object>).serialize(withoutDefaults(fields))
}

/**
 * A message without the fields that say nothing. The library writes a zero or an empty text that it is given; the other
 * implementations of the protocol never do. No reply has a field for which absent and zero mean different things.
 */
function withoutDefaults(message: object): object {
  const fields: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(message)) {
    if (value === null || value === undefined || value === 0 || value === false || value === '') continue
    if (typeof value !== 'object') fields[name] = value
    else if (ArrayBuffer.isView(value)) {
      if (value.byteLength > 0) fields[name] = value
    } else if (Array.isArray(value)) {
      if (value.length > 0) fields[name] = value.map(element)
    } else fields[name] = withoutDefaults(value)
  }
  return fields
}

function element(value: unknown): unknown {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) ? withoutDefaults(value) : value
}

export function decode(message: string, bytes: Buffer): object {
  return (find(message) as MessageTypeDefinition<object, object>).deserialize(bytes)
}

function find(name: string): unknown {
  const definition = definitions[name]
  if (!definition) throw new Error(`the protocol has no ${name}`)
  return definition
}
