// The proto file says what the contract says: every method, message, field, number and type, and nothing else.

import { fileURLToPath } from 'node:url'
import { loadSync } from '@grpc/proto-loader'
import { expect, test } from 'vitest'
import { LOADER_OPTIONS } from './protocol.ts'
import { ENUMS, MESSAGES, RPCS } from './wire/messages.ts'

interface FieldDescriptor {
  name: string
  number: number
  type: string
  label: string
  typeName: string
  oneofIndex?: number
  proto3Optional?: boolean
}

interface MessageDescriptor {
  name: string
  field: FieldDescriptor[]
  oneofDecl: { name: string }[]
  enumType: EnumDescriptor[]
  nestedType: MessageDescriptor[]
  reservedRange: { start: number; end: number }[]
}

interface EnumDescriptor {
  name: string
  value: { name: string; number: number }[]
}

const definitions = loadSync(fileURLToPath(new URL('../proto/gitaly.proto', import.meta.url)), LOADER_OPTIONS)

const messages = new Map<string, MessageDescriptor>()
const enums = new Map<string, EnumDescriptor>()
for (const [name, definition] of Object.entries(definitions)) {
  if (!name.startsWith('gitaly.') || typeof definition.format !== 'string') continue
  const short = name.slice('gitaly.'.length)
  if (definition.format.includes('EnumDescriptor')) enums.set(short, definition.type as EnumDescriptor)
  else collect(short, definition.type as MessageDescriptor)
}

/** A message, and what is declared in it. */
function collect(name: string, descriptor: MessageDescriptor): void {
  messages.set(name, descriptor)
  for (const nested of descriptor.nestedType) collect(`${name}.${nested.name}`, nested)
  for (const nested of descriptor.enumType) enums.set(`${name}.${nested.name}`, nested)
}

test('methods', () => {
  const services = Object.entries(definitions).flatMap(([name, definition]) =>
    name.startsWith('gitaly.') && !('format' in definition) ? Object.entries(definition) : [],
  )
  const declared = services.map(([method, { path, requestStream, responseStream, requestType, responseType }]) => [
    method,
    {
      path,
      kind: requestStream
        ? responseStream
          ? 'bidirectional'
          : 'client-stream'
        : responseStream
          ? 'server-stream'
          : 'unary',
      request: (requestType.type as MessageDescriptor).name,
      response: (responseType.type as MessageDescriptor).name,
    },
  ])
  expect(new Map(declared as [string, unknown][])).toEqual(RPCS)
})

test('there are no messages but those of the contract, and all of them', () => {
  expect([...messages.keys()].sort()).toEqual([...MESSAGES.keys()].sort())
})

test.each([...MESSAGES])('%s', (name, { fields, others }) => {
  const descriptor = messages.get(name)!
  const declared = descriptor.field.map((field) => ({
    name: field.name,
    number: field.number,
    type: typeOf(name, field),
    repeated: field.label === 'LABEL_REPEATED',
    oneof: field.oneofIndex === undefined ? undefined : descriptor.oneofDecl[field.oneofIndex]?.name,
  }))
  // A declared field of which nothing is read is one of the others.
  const listed = declared.filter(({ number }) => !others.includes(number))
  expect(listed.sort((a, b) => a.number - b.number)).toEqual([...fields].sort((a, b) => a.number - b.number))
})

test('enumerations', () => {
  const declared = Object.fromEntries(
    [...enums].map(([name, { value }]) => [name, Object.fromEntries(value.map(({ name, number }) => [name, number]))]),
  )
  const { 'CommitDiffRequest.WhitespaceChanges': whitespace, ...rest } = declared
  expect(rest).toEqual(ENUMS)
  // The contract gives this one's numbers alone.
  expect(Object.values(whitespace!)).toEqual([0, 1, 2])
})

function typeOf(message: string, { type, typeName }: FieldDescriptor): string {
  if (type === 'TYPE_ENUM') return 'enum'
  if (type !== 'TYPE_MESSAGE') return type.replace('TYPE_', '').toLowerCase()
  const name = typeName.replace(/^\.?(gitaly|google\.protobuf)\./, '')
  // A message that is declared inside is named from there.
  return messages.has(`${message}.${name}`) ? `${message}.${name}` : name
}
