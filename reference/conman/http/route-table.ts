/** The routes as they were registered: what the API description is made of, and who knows which methods a path has. */
import type { RouteOptions } from 'fastify'

export interface RouteEntry {
  method: string
  /** The pattern, such as `/api/apps/:appId`. */
  url: string
  options: RouteOptions
}

export interface RouteTable {
  add(route: RouteOptions): void
  readonly entries: readonly RouteEntry[]
  /** The methods of the routes whose pattern fits a path. */
  methodsOf(path: string): string[]
}

export function createRouteTable(): RouteTable {
  const entries: RouteEntry[] = []
  const patterns = new Map<string, { matches: RegExp; methods: string[] }>()
  return {
    entries,
    add(options) {
      const { url } = options
      const known = patterns.get(url) ?? { matches: patternOf(url), methods: [] }
      patterns.set(url, known)
      for (const method of [options.method].flat()) {
        known.methods.push(method)
        entries.push({ method, url, options })
      }
    },
    methodsOf(path) {
      return [...patterns.values()].filter(({ matches }) => matches.test(path)).flatMap(({ methods }) => methods)
    },
  }
}

function patternOf(url: string): RegExp {
  return new RegExp(`^${url.replaceAll('.', '\\.').replaceAll(/:[A-Za-z]+/g, '[^/]+')}$`)
}
