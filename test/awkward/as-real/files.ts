// Workspaces and files of the real Conman on the public git backend: each write starts again from the integration branch, what
// is missing is a git error, and what syncs loses its head.

import type { Asked } from '../proxy.ts'
import {
  type Difference,
  dataOf,
  type Fields,
  fields,
  isObject,
  isSuccess,
  json,
  mapObjects,
  operationOf,
  parsed,
  refusal,
  rewrite,
  tokenOf,
  type Upstream,
  withData,
} from './difference.ts'

const FILES = '/files'

const gitError = (message: string) => refusal(502, 'git_error', `git error: gRPC ${message}`)

export function workspaces(upstream: Upstream): Difference[] {
  /** Workspaces whose stored head is empty, since their last sync. */
  const headless = new Set<string>()
  /** The head that a write started from. */
  const startedAt = new WeakMap<Asked, string>()

  /** The one write that a workspace has on top of the integration branch. */
  const written = new Map<string, { method: string; body: Fields }>()

  const isWrite = (asked: Asked) => /^(PUT|DELETE) workspaces\/:\/files$/.test(operationOf(asked))
  const workspaceOf = ({ path }: Asked) => /^(\/api\/apps\/[^/]+\/workspaces\/([^/]+))/.exec(path) ?? []

  return [
    {
      id: 'HD53',
      what: 'each write starts again from the head of the integration branch',
      async before(asked) {
        if (!isWrite(asked)) return undefined
        const started = await upstream('POST', `${workspaceOf(asked)[1]}/reset`, tokenOf(asked) ?? '')
        const data = dataOf(started)
        if (isSuccess(started) && isObject(data)) startedAt.set(asked, String(data.head_sha))
        return undefined
      },
      // The branch moves only with a write that works: one that did not has to leave what was there.
      async after(asked, answer) {
        if (!isWrite(asked)) return undefined
        const [, workspace, id = ''] = workspaceOf(asked)
        const before = written.get(id)
        if (isSuccess(answer)) {
          headless.delete(id)
          written.set(id, { method: asked.method, body: fields(asked) })
        } else if (before !== undefined) {
          await upstream(before.method, `${workspace}/files`, tokenOf(asked) ?? '', before.body)
        }
        return undefined
      },
    },
    {
      id: 'HD54',
      what: 'a write that changes nothing is 502',
      after(asked, answer) {
        const data = dataOf(answer)
        const head = startedAt.get(asked)
        const same = head !== undefined && isObject(data) && data.commit_sha === head
        return same ? gitError('FailedPrecondition: nothing to commit') : undefined
      },
    },
    {
      id: 'HD51',
      what: 'a file that is missing is 502',
      after: (asked, answer) =>
        asked.path.endsWith(FILES) && answer.status === 404 ? gitError('NotFound: tree entry not found') : undefined,
    },
    {
      id: 'HD55 HD56',
      what: 'files have no oid; a directory below the root has the shape of a file',
      after(asked, answer) {
        const data = dataOf(answer)
        if (operationOf(asked) !== 'GET workspaces/:/files' || !isObject(data)) return undefined
        const { path, content, size, entries } = data
        if (!Array.isArray(entries)) return withData(answer, { path, content, size })
        if ((asked.query.get('path') ?? '') === '') {
          return withData(answer, { path, entries: (entries as Fields[]).map((entry) => ({ ...entry, size: 0 })) })
        }
        const tree = Buffer.from((entries as Fields[]).map((entry) => entry.path).join('\n'))
        return withData(answer, { path, content: tree.toString('base64'), size: tree.length })
      },
    },
    {
      id: 'HD58',
      what: 'a reset is 502: its branch exists',
      before: (asked) =>
        operationOf(asked) === 'POST workspaces/:/reset' ? gitError('AlreadyExists: branch exists') : undefined,
    },
    {
      id: 'HD59',
      what: 'a sync says clean, with an empty head, and stores it',
      before(asked) {
        if (operationOf(asked) !== 'POST workspaces/:/sync-integration') return undefined
        headless.add(workspaceOf(asked)[2] ?? '')
        return json(200, { data: { clean: true, head_sha: '', conflicting_paths: [], message: 'synced' } })
      },
      after(asked, answer) {
        const body = parsed(answer)
        if (!/^\w+ workspaces\b/.test(operationOf(asked)) || !isObject(body)) return undefined
        const shown = mapObjects(body, (object) =>
          headless.has(String(object.id)) && 'branch_name' in object ? { ...object, head_sha: '' } : object,
        )
        return { ...answer, body: Buffer.from(JSON.stringify(shown)) }
      },
    },
    {
      id: 'HD60',
      what: 'a checkpoint echoes the head',
      async before(asked) {
        if (operationOf(asked) !== 'POST workspaces/:/checkpoints') return undefined
        const [, workspace = ''] = workspaceOf(asked)
        const answer = await upstream('GET', workspace, tokenOf(asked) ?? '')
        const data = dataOf(answer)
        if (!isSuccess(answer) || !isObject(data)) return answer
        return json(200, { data: { commit_sha: data.head_sha, message: fields(asked).message ?? 'checkpoint' } })
      },
    },
    {
      id: 'HD61',
      what: 'a title that is not sent is cleared',
      before(asked) {
        if (operationOf(asked) === 'PATCH workspaces/:') rewrite(asked, { title: fields(asked).title ?? null })
        return undefined
      },
    },
  ]
}
