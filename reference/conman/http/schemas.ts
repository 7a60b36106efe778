/** The shapes that answers are made of, for the API description: what is sent has them, and the tests hold it to that. */
import { type TObject, type TSchema, Type } from 'typebox'

/** An id: 24 lower-case hexadecimal characters. */
export const Id = Type.String({ pattern: '^[0-9a-f]{24}$' })
export const Moment = Type.String({ format: 'date-time' })
/** A commit, or nothing yet. */
export const Sha = Type.String({ pattern: '^[0-9a-f]{40}$' })

/** What a document always has. */
export const DATES = { created_at: Moment, updated_at: Moment }

export function nullable<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}

/** May be left out or null in a request. */
export function optional<T extends TSchema>(schema: T) {
  return Type.Optional(nullable(schema))
}

export function oneOf<const T extends readonly string[]>(values: T) {
  return Type.Union(values.map((value) => Type.Literal(value as T[number])))
}

export function dataOf<T extends TSchema>(schema: T): TObject {
  return Type.Object({ data: schema })
}

export function pageOfRows<T extends TSchema>(schema: T): TObject {
  return Type.Object({
    data: Type.Array(schema),
    pagination: Type.Object({
      page: Type.Integer({ minimum: 1 }),
      limit: Type.Integer({ minimum: 1, maximum: 100 }),
      total: Type.Integer({ minimum: 0 }),
    }),
  })
}

export const Message = Type.Object({ message: Type.String() })

/** A value of an environment variable, with its type beside it. */
export const EnvValueSchema = Type.Union([
  Type.Object({ type: Type.Literal('string'), value: Type.String() }),
  Type.Object({ type: Type.Literal('number'), value: Type.Number() }),
  Type.Object({ type: Type.Literal('boolean'), value: Type.Boolean() }),
  Type.Object({ type: Type.Literal('json'), value: Type.Unknown() }),
])

export const EnvVarsSchema = Type.Record(Type.String(), EnvValueSchema)
