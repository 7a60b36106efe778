// Who may what on the real Conman: refusals are 403, and roles are frozen in the token as they were at the login.

import type { Answer, Asked } from '../proxy.ts'
import {
  type Difference,
  dataOf,
  type Fields,
  fields,
  forbidden,
  isObject,
  isSuccess,
  json,
  operationOf,
  partsOf,
  refusal,
  tokenOf,
  type Upstream,
} from './difference.ts'

const RANKS = ['user', 'reviewer', 'config_manager', 'app_admin']

/** What takes more than `user` (contract §3.1); the ids are taken out. */
const ROLE_NEEDED: Readonly<Record<string, string>> = {
  'PATCH settings': 'app_admin',
  'POST members': 'app_admin',
  'POST invites': 'app_admin',
  'PATCH environments': 'app_admin',
  'POST runtime-profiles': 'app_admin',
  'PATCH runtime-profiles/:': 'app_admin',
  'POST runtime-profiles/:/secrets/:/reveal': 'app_admin',
  'POST changesets/:/review': 'reviewer',
  'POST changesets/:/queue': 'config_manager',
  'POST releases': 'config_manager',
  'POST releases/:/changesets': 'config_manager',
  'POST releases/:/reorder': 'config_manager',
  'POST releases/:/assemble': 'config_manager',
  'POST releases/:/publish': 'config_manager',
  'POST environments/:/deploy': 'config_manager',
  'POST environments/:/promote': 'config_manager',
  'POST environments/:/rollback': 'config_manager',
}

const isLogin = ({ method, path }: Asked) =>
  method === 'POST' && (path === '/api/auth/login' || path === '/api/auth/accept-invite')

export function refusals(): Difference[] {
  return [
    {
      id: 'HD1',
      what: 'a missing or bad token is 403',
      after: (asked, answer) =>
        answer.status === 401 && !isLogin(asked) ? forbidden('invalid bearer token') : undefined,
    },
    {
      id: 'HD2',
      what: 'a failed login is called unauthorized',
      after: (asked, answer) =>
        answer.status === 401 && isLogin(asked)
          ? refusal(401, 'unauthorized', 'unauthorized: invalid_credentials')
          : undefined,
    },
    {
      id: 'HD22',
      what: 'a bad invite or reset token is 403',
      after: ({ path }, answer) =>
        /^\/api\/auth\/(accept-invite|reset-password)$/.test(path) &&
        (answer.status === 410 || /"(invite|token)_invalid"/.test(answer.body.toString()))
          ? forbidden(path.endsWith('invite') ? 'invalid_or_expired_invite' : 'invalid_or_expired_reset_token')
          : undefined,
    },
  ]
}

/** A new app, a new role: known to the tokens of later logins only. What was taken away is still looked up behind the proxy. */
export function frozenRoles(upstream: Upstream): Difference {
  const roles = new Map<string, Map<string, string>>()

  async function freeze(token: string): Promise<void> {
    const apps = dataOf(await upstream('GET', '/api/apps?limit=100', token))
    const userId = claimsOf(token).sub
    const found = new Map<string, string>()
    for (const app of Array.isArray(apps) ? (apps as Fields[]) : []) {
      const members = dataOf(await upstream('GET', `/api/apps/${app.id}/members`, token))
      const mine = (Array.isArray(members) ? (members as Fields[]) : []).find((member) => member.user_id === userId)
      if (mine !== undefined) found.set(String(app.id), String(mine.role))
    }
    roles.set(token, found)
  }

  function rolesOf(token: string): Map<string, string> | undefined {
    const claimed = claimsOf(token).roles
    return (
      roles.get(token) ?? (isObject(claimed) ? new Map(Object.entries(claimed as Record<string, string>)) : undefined)
    )
  }

  return {
    id: 'HD3',
    what: 'roles are frozen in the token',
    before(asked) {
      const [appId] = partsOf(asked.path)
      const token = tokenOf(asked)
      const known = token === undefined ? undefined : rolesOf(token)
      if (appId === undefined || known === undefined) return undefined
      const role = known.get(appId)
      if (role === undefined) return forbidden('not a member of this app')
      const needed = ROLE_NEEDED[operationOf(asked)] ?? 'user'
      return RANKS.indexOf(role) < RANKS.indexOf(needed) ? forbidden(`requires role ${needed}`) : undefined
    },
    async after(asked, answer) {
      if (isLogin(asked) && isSuccess(answer)) {
        const data = dataOf(answer)
        if (isObject(data) && typeof data.token === 'string') await freeze(data.token)
      }
      const token = tokenOf(asked)
      const known = token === undefined ? undefined : rolesOf(token)
      if (asked.method !== 'GET' || asked.path !== '/api/apps' || known === undefined) return undefined
      return onlyThose(answer, known)
    },
  }
}

function onlyThose(answer: Answer, known: ReadonlyMap<string, string>): Answer | undefined {
  const { data, pagination } = fields(answer)
  if (!Array.isArray(data) || !isObject(pagination)) return undefined
  const rows = (data as Fields[]).filter((app) => known.has(String(app.id)))
  const hidden = data.length - rows.length
  return json(200, { data: rows, pagination: { ...pagination, total: Number(pagination.total) - hidden } })
}

function claimsOf(token: string): Fields {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
    return isObject(claims) ? claims : {}
  } catch {
    return {}
  }
}
