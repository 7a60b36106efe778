/** From the rows of a request to the environments that an app shall have: which row is which, and what a set must be like. */
import { ObjectId } from 'mongodb'
import { validation } from '../http/errors.ts'
import { objectId } from '../http/identifiers.ts'
import type { EnvironmentDocument } from '../mongo/documents.ts'

export interface GivenEnvironment {
  /** An existing one's, or `new`; without, the name tells. */
  id?: string | null | undefined
  name: string
  position: number
  is_canonical?: boolean | null | undefined
  runtime_profile_id?: string | null | undefined
}

const MAX_ENVIRONMENTS = 50
const MAX_NAME_LENGTH = 128

/** Refuses what cannot be an app's set of environments, whatever it has now. */
export function requireCompleteSet(rows: readonly GivenEnvironment[]): void {
  if (rows.length === 0) throw validation('an app has at least one environment')
  if (rows.length > MAX_ENVIRONMENTS) throw validation(`an app has at most ${MAX_ENVIRONMENTS} environments`)
  for (const { name } of rows) {
    if (name.trim() === '') throw validation('environments: name must not be blank')
    if (name.length > MAX_NAME_LENGTH) {
      throw validation(`environments: name must be at most ${MAX_NAME_LENGTH} characters long`)
    }
  }
  if (new Set(rows.map(({ name }) => name)).size < rows.length) throw validation('environments: a name is given twice')
  if (rows.filter(({ is_canonical }) => is_canonical).length !== 1) {
    throw validation('environments: exactly one must be canonical')
  }
  const positions = rows.map(({ position }) => position).sort((a, b) => a - b)
  if (positions.some((position, index) => position !== index)) {
    throw validation('environments: positions must be 0, 1, 2, … without gaps')
  }
}

/** The set in its order. What a row does not say is off or empty; ids and creation dates of known ones stay. */
export function plan(
  appId: ObjectId,
  known: readonly EnvironmentDocument[],
  rows: readonly GivenEnvironment[],
  now: Date,
): EnvironmentDocument[] {
  const named = rows.map(({ id = null }) =>
    id === null || id === 'new' ? undefined : objectId(id, 'environments: id').toHexString(),
  )
  const claimed = new Set(named.filter((id) => id !== undefined))
  if (claimed.size < named.filter((id) => id !== undefined).length) {
    throw validation('environments: an id is given twice')
  }
  const byId = new Map(known.map((environment) => [environment._id.toHexString(), environment]))
  const unclaimed = new Map(known.filter(({ _id }) => !claimed.has(_id.toHexString())).map((one) => [one.name, one]))

  function before(row: GivenEnvironment, id: string | undefined): EnvironmentDocument | undefined {
    if (id === undefined) return row.id === 'new' ? undefined : unclaimed.get(row.name)
    const environment = byId.get(id)
    if (environment === undefined) throw validation('environments: an id is not one of this app')
    return environment
  }

  const set = rows.map((row, index): EnvironmentDocument => {
    const environment = before(row, named[index])
    const fields = {
      name: row.name,
      position: row.position,
      is_canonical: row.is_canonical ?? false,
      runtime_profile_id: row.runtime_profile_id == null ? null : new ObjectId(row.runtime_profile_id),
    }
    if (environment === undefined) {
      return { _id: new ObjectId(), app_id: appId, ...fields, created_at: now, updated_at: now }
    }
    const updated_at = isSame(environment, fields) ? environment.updated_at : now
    return { ...environment, ...fields, updated_at }
  })
  return set.sort((a, b) => a.position - b.position)
}

type Fields = Pick<EnvironmentDocument, 'name' | 'position' | 'is_canonical' | 'runtime_profile_id'>

function isSame(a: Fields, b: Fields): boolean {
  const text = ({ name, position, is_canonical, runtime_profile_id }: Fields) =>
    JSON.stringify([name, position, is_canonical, runtime_profile_id])
  return text(a) === text(b)
}
