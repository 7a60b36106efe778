/** What a temporary environment is made for: a workspace or a changeset of the app, and the commit that it is at. */
import type { ObjectId } from 'mongodb'
import { notFound, validation } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import type { AppDocument, TempEnvironmentDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

export interface GivenSource {
  kind?: string | null | undefined
  source_id?: string | null | undefined
  workspace_id?: string | null | undefined
  changeset_id?: string | null | undefined
}

export interface Source {
  kind: TempEnvironmentDocument['kind']
  id: ObjectId
  /** Null where the row does not say (Conman itself may have stored a branch's name); found out later. */
  head: string | null
  /** The workspace's branch. */
  branch: string | null
}

const COMMIT = /^[0-9a-f]{40}$/

/** The real server's `kind` and `source_id`, or the epic's one of two ids; said both ways they must mean the same. */
export function requireSource({
  kind,
  source_id,
  workspace_id,
  changeset_id,
}: GivenSource): Pick<Source, 'kind' | 'id'> {
  if (workspace_id != null && changeset_id != null) throw validation('give workspace_id or changeset_id, not both')
  const named = changeset_id != null ? 'changeset' : workspace_id != null ? 'workspace' : undefined
  const id = changeset_id ?? workspace_id ?? source_id
  const wanted = kind ?? named
  if (wanted !== 'workspace' && wanted !== 'changeset') throw validation('kind must be workspace or changeset')
  if (named !== undefined && named !== wanted) throw validation(`kind and ${named}_id contradict`)
  if (id == null) throw validation('source_id is required')
  if (source_id != null && source_id !== id) throw validation(`source_id and ${named}_id contradict`)
  return { kind: wanted, id: objectId(id, named === undefined ? 'source_id' : `${named}_id`) }
}

export async function findSource(
  services: Services,
  app: AppDocument,
  { kind, id }: Pick<Source, 'kind' | 'id'>,
): Promise<Source> {
  const { workspaces, changesets } = services.store.data
  if (kind === 'workspace') {
    const workspace = await workspaces.findOne({ _id: id, app_id: app._id })
    if (workspace === null) throw notFound('workspace', id.toHexString())
    return { kind, id, head: commitOf(workspace.head_sha), branch: workspace.branch_name }
  }
  const changeset = await changesets.findOne({ _id: id, app_id: app._id })
  if (changeset === null) throw notFound('changeset', id.toHexString())
  return { kind, id, head: commitOf(changeset.head_sha), branch: null }
}

function commitOf(head: string): string | null {
  return COMMIT.test(head) ? head : null
}
