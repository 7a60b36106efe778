// Routes of workspaces and their files.

import { at, type Call, type ListCall, many, nothing, one } from './call.ts'
import { type Fields, Undecodable } from './fields.ts'

export interface Workspace {
  id: string
  branch: string
  /** May be empty, or the name of a branch (http-api §1.11). */
  headSha: string
  isDefault: boolean
}

/** Own ones. The first listing makes the default one where there is none. */
export const listWorkspaces = (appId: string): ListCall<Workspace> => ({
  what: 'listing workspaces',
  method: 'GET',
  ...at('/api/apps/{appId}/workspaces', { appId }),
  decode: many('workspaces', workspaceOf),
})

/** An extra one beside the default one. */
export const createWorkspace = (appId: string, branch: string, title?: string): Call<Workspace> => ({
  what: `creating a workspace on ${branch}`,
  method: 'POST',
  ...at('/api/apps/{appId}/workspaces', { appId }),
  body: { branch_name: branch, ...(title === undefined ? {} : { title }) },
  decode: one('a workspace', workspaceOf),
  makes: [{ kind: 'workspace', name: branch, app_id: appId, idOf: ({ id }) => id }],
  lookUp: async (all) => (await all(listWorkspaces(appId))).find((workspace) => workspace.branch === branch),
})

export const readWorkspace = (appId: string, workspaceId: string): Call<Workspace> => ({
  what: 'reading a workspace',
  method: 'GET',
  ...at('/api/apps/{appId}/workspaces/{workspaceId}', { appId, workspaceId }),
  decode: one('a workspace', workspaceOf),
})

/** Always with a title: without one, real clears it (HD61). */
export const renameWorkspace = (appId: string, workspaceId: string, title: string): Call<Workspace> => ({
  what: 'changing the title of a workspace',
  method: 'PATCH',
  ...at('/api/apps/{appId}/workspaces/{workspaceId}', { appId, workspaceId }),
  body: { title },
  decode: one('a workspace', workspaceOf),
})

export const resetWorkspace = (appId: string, workspaceId: string): Call<void> => ({
  what: 'resetting a workspace',
  method: 'POST',
  ...at('/api/apps/{appId}/workspaces/{workspaceId}/reset', { appId, workspaceId }),
  decode: nothing,
})

export interface Synced {
  clean: boolean
  /** Empty from some targets (HD59): write a file before the next changeset. */
  headSha: string
  conflictingPaths: string[]
}

export const syncWorkspace = (appId: string, workspaceId: string): Call<Synced> => ({
  what: 'bringing a workspace up to date',
  method: 'POST',
  ...at('/api/apps/{appId}/workspaces/{workspaceId}/sync-integration', { appId, workspaceId }),
  decode: one('the outcome of a sync', (row) => ({
    clean: row.flag('clean'),
    headSha: row.textOrNull('head_sha') ?? '',
    conflictingPaths: row.texts('conflicting_paths'),
  })),
})

export const checkpoint = (appId: string, workspaceId: string, message: string): Call<string> => ({
  what: 'making a checkpoint',
  method: 'POST',
  ...at('/api/apps/{appId}/workspaces/{workspaceId}/checkpoints', { appId, workspaceId }),
  body: { message },
  decode: one('a checkpoint', (row) => row.text('commit_sha')),
})

const FILES = '/api/apps/{appId}/workspaces/{workspaceId}/files'

export interface Entry {
  path: string
  type: string
}

export const listFiles = (appId: string, workspaceId: string, path = ''): Call<Entry[]> => ({
  what: `listing the directory ‘${path}’`,
  method: 'GET',
  ...at(FILES, { appId, workspaceId }),
  ...(path === '' ? {} : { query: { path } }),
  decode: one('a directory', (row) =>
    row.list('entries', (entry) => ({ path: entry.text('path'), type: entry.text('type') })),
  ),
})

export const readFile = (appId: string, workspaceId: string, path: string): Call<Buffer> => ({
  what: `reading the file ‘${path}’`,
  method: 'GET',
  ...at(FILES, { appId, workspaceId }),
  query: { path },
  decode: one('a file', (row) => bytesOf(row.text('content'))),
})

/** The commit. Content goes as base64 (HD57); of two writes at once, some targets let one lose with 502 (HD62). */
export const writeFile = (
  appId: string,
  workspaceId: string,
  { path, content, message = `Write ${path}` }: { path: string; content: string | Uint8Array; message?: string },
): Call<string> => ({
  what: `writing the file ‘${path}’`,
  method: 'PUT',
  ...at(FILES, { appId, workspaceId }),
  body: { path, content: Buffer.from(content).toString('base64'), message },
  decode: one('a commit', (row) => row.text('commit_sha')),
  retriesBadGateway: true,
})

export const deleteFile = (appId: string, workspaceId: string, path: string): Call<string> => ({
  what: `deleting the file ‘${path}’`,
  method: 'DELETE',
  ...at(FILES, { appId, workspaceId }),
  body: { path, message: `Delete ${path}` },
  decode: one('a commit', (row) => row.text('commit_sha')),
  retriesBadGateway: true,
})

function workspaceOf(row: Fields): Workspace {
  return {
    id: row.text('id'),
    branch: row.text('branch_name'),
    headSha: row.textOrNull('head_sha') ?? '',
    isDefault: row.flag('is_default'),
  }
}

/** What is no base64 is no file: Node would read it as something else without a word. */
function bytesOf(base64: string): Buffer {
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) {
    throw new Undecodable("the answer's 'content' is not base64")
  }
  return Buffer.from(base64, 'base64')
}
