/** The protocol as loaded from its files: methods by name, and the details that errors carry. */
import type { Metadata } from '@grpc/grpc-js'
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader'
import type { Method } from './call.ts'

const definitions = loadSync(['gitaly.proto', 'status.proto'], {
  includeDirs: [`${import.meta.dirname}/../../proto`],
  keepCase: true,
  longs: Number,
  defaults: true,
  oneofs: true,
})

export function loadMethods(): Map<string, Method> {
  const methods = new Map<string, Method>()
  for (const definition of Object.values(definitions)) {
    if ('format' in definition) continue
    for (const [name, method] of Object.entries(definition)) methods.set(name, method as Method)
  }
  return methods
}

/**
 * Which case of its error message a failure says it is, such as `merge_conflict`; undefined where it says nothing.
 *
 * Details are optional: gitaly-rs sends none.
 */
export function errorCaseOf(metadata: Metadata): string | undefined {
  const bytes = metadata.get('grpc-status-details-bin')[0]
  if (!(bytes instanceof Buffer)) return undefined
  try {
    const { details } = decode('google.rpc.Status', bytes) as { details: { type_url: string; value: Buffer }[] }
    const detail = details[0]
    if (detail === undefined) return undefined
    const message = detail.type_url.replace(/^.*\//, '')
    return (decode(message, detail.value) as { error?: string }).error
  } catch {
    // A detail that this protocol does not know says nothing here.
    return undefined
  }
}

function decode(message: string, bytes: Buffer): object {
  const definition = definitions[message] as MessageTypeDefinition<object, object> | undefined
  if (definition === undefined) throw new Error(`the protocol has no ${message}`)
  return definition.deserialize(bytes)
}
