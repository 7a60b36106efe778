/** A known defect: a worse part for a good server, and which check must notice it. */
import { createHash } from 'node:crypto'
import type { CollectionOptions } from 'mongodb'
import type { Worsening } from '../conman/compose.ts'
import type { Documents } from '../conman/mongo/documents.ts'
import type { Store } from '../conman/mongo/store.ts'

/** Says by its own functions which parts it puts in place of the good ones. */
export interface Defect extends Worsening {
  id: string
  /** The file that it stands in, where one file makes several of a kind. */
  family?: string
  /** What the server does wrong. */
  title: string
  /** The check that must turn red. */
  check: string
  /** What that check's explanation must say, among other things. */
  reason: string
  /** Other checks that may redden with it. */
  mayRedden: readonly string[]
}

/** A store that asks of one collection with other options, when it decides and when it changes. */
export function withOptions(store: Store, name: keyof Documents, options: CollectionOptions): Store {
  return { ...store, data: { ...store.data, [name]: store.db.collection(name, options) } }
}

/** Tells whenever the driver hears something else of the members of the database: how many are there, whether one takes writes. */
export function onTopology({ db }: Store, tell: (seen: { members: number; primary: boolean }) => void): void {
  db.client.on('topologyDescriptionChanged', ({ newDescription }) => {
    const types = [...newDescription.servers.values()].map(({ type }) => type)
    tell({ members: types.filter((type) => type !== 'Unknown').length, primary: types.includes('RSPrimary') })
  })
}

/** Whether a defect strikes at this path: one path in `n`, always the same ones. */
export function strikes(path: string, n: number): boolean {
  return createHash('sha256').update(path).digest().readUInt32BE() % n === 0
}
