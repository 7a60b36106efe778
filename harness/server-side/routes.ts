// One name for a route, however it is written: by k6 scripts with placeholders (`/api/apps/{appId}`), by targets as a
// pattern (`/api/apps/:appId`) or as the raw path with its ids.

/** `GET`, and the name of a request in a script: `GET /api/apps/{appId}/changesets?state=queued`, or its URL. */
const METHOD = /^(?:warm-up )?(?:(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\s+)?(.*)$/s
const ID = /^(?:[:{<*].*|[0-9a-f]{24}|[0-9a-f]{8}-[0-9a-f-]{27}|\d+|.{40,})$/i

/** Null: it is no path of the API. */
export function routeOf(name: string): string | null {
  const [, , rest = ''] = METHOD.exec(name) ?? []
  const path = rest.replace(/^[a-z]+:\/\/[^/]*/i, '').split(/[?#]/, 1)[0]!
  const at = path.indexOf('/api/')
  if (at < 0) return null
  return path
    .slice(at)
    .split('/')
    .map((segment) => (ID.test(segment) ? '*' : segment))
    .join('/')
}
