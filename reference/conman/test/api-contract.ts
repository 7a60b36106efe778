/**
 * Holds what goes over the wire to the API description that the server itself serves: each request that was accepted, and
 * each answer. A field that is not described fails as well as one that is missing.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

interface Operation {
  parameters?: { name: string; in: string; required?: boolean; schema: object }[]
  requestBody?: { content: Record<string, { schema: object }> }
  responses: Record<string, { $ref?: string; content?: Record<string, { schema: object }> }>
}

export interface Description {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: { Error: object } }
}

export interface Exchange {
  method: string
  /** With its query. */
  path: string
  /** What was sent: undefined for no body, text for a raw one. */
  sent: unknown
  status: number
  contentType: string
  received: unknown
}

export interface ApiContract {
  /** What is wrong about an exchange, if anything. */
  problems(exchange: Exchange): string[]
  /** The operations that were seen answered with success, as `METHOD /path`. */
  readonly succeeded: ReadonlySet<string>
  readonly operations: readonly string[]
}

export function createApiContract(description: Description): ApiContract {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  ;(addFormats as unknown as { default: (instance: Ajv2020) => void } & ((instance: Ajv2020) => void))(ajv)
  const compiled = new Map<object, ValidateFunction>()
  const succeeded = new Set<string>()
  const routes = Object.entries(description.paths).map(([template, operations]) => ({
    template,
    matches: new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    operations,
  }))

  function complaints(schema: object, value: unknown, closed: boolean, what: string): string[] {
    const validate = compiled.get(schema) ?? ajv.compile(closed ? close(schema) : schema)
    compiled.set(schema, validate)
    if (validate(value)) return []
    return (validate.errors ?? []).map(({ instancePath, message, params }) => {
      return `${what}${instancePath}: ${message} ${JSON.stringify(params)}`
    })
  }

  function find(method: string, path: string) {
    // A path without parameters is more exact than one with them.
    const fitting = routes
      .filter(({ matches }) => matches.test(path))
      .sort((a, b) => score(a.template) - score(b.template))
    const route = fitting.find(({ operations }) => operations[method.toLowerCase()] !== undefined)
    return route && { template: route.template, operation: route.operations[method.toLowerCase()] as Operation }
  }

  return {
    succeeded,
    operations: routes.flatMap(({ template, operations }) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${template}`),
    ),
    problems({ method, path, sent, status, contentType, received }) {
      const [plain = '', query = ''] = path.split('?', 2)
      const found = find(method, plain)
      if (found === undefined) {
        return status === 404 || status === 405 || status === 401 || method === 'HEAD'
          ? []
          : [`${method} ${plain} answered ${status} and is not described`]
      }
      const { template, operation } = found
      const where = `${method} ${template} ${status}`
      const problems: string[] = []
      if (status >= 200 && status < 300) {
        succeeded.add(`${method} ${template}`)
        const body = operation.requestBody?.content['application/json']?.schema
        const value = typeof sent === 'string' ? JSON.parse(sent) : sent
        if (body !== undefined) problems.push(...complaints(body, value, false, `${where} request body`))
        const known = new Map(
          operation.parameters?.filter((one) => one.in === 'query').map((one) => [one.name, one.schema]),
        )
        for (const [name, text] of new URLSearchParams(query)) {
          const schema = known.get(name)
          if (schema !== undefined) problems.push(...complaints(schema, text, false, `${where} query ${name}`))
        }
      }
      const response = operation.responses[String(status)] ?? operation.responses.default
      const isError = response?.$ref !== undefined
      if (isError && status < 400) return [...problems, `${where} is not described`]
      const described = isError ? description.components.schemas.Error : response?.content?.['application/json']?.schema
      if (described === undefined) {
        const types = Object.keys(response?.content ?? {})
        const fits = types.some((type) => contentType.startsWith(type))
        return fits ? problems : [...problems, `${where} has the content type ${contentType}, not ${types.join(', ')}`]
      }
      if (method === 'HEAD') return problems
      if (!contentType.startsWith('application/json')) return [...problems, `${where} is no JSON: ${contentType}`]
      return [...problems, ...complaints(described, received, true, where)]
    },
  }
}

function score(template: string): number {
  return template.split('{').length
}

/** The same schema, in which objects have no other properties than the described ones. */
function close(schema: unknown): object {
  if (Array.isArray(schema)) return schema.map(close)
  if (schema === null || typeof schema !== 'object') return schema as unknown as object
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, close(value)]))
  if ('properties' in copy && !('additionalProperties' in copy)) copy.additionalProperties = false as unknown as object
  return copy
}
