/**
 * The names of a temporary environment: two words and four hexadecimal digits, which its URL and its database share.
 *
 * Nothing but what has such a name is ever dropped or deleted, whatever a row says.
 */
import { randomInt } from 'node:crypto'
import type { ObjectId } from 'mongodb'
import type { TempEnvironmentDocument } from '../mongo/documents.ts'

type Kind = TempEnvironmentDocument['kind']

const FIRST =
  'amber arctic atlas aurora autumn azure bold brave bright calm cedar civic clear cobalt copper coral cosmic crimson crystal dawn deep delta early ember fern frost gentle golden granite green harbor hazel indigo iron ivory jade keen lunar maple meadow mellow misty noble north ocean olive opal pearl pine polar quick quiet rapid river royal ruby silver solar spring steady stellar summer swift velvet'.split(
    ' ',
  )
const SECOND =
  'acorn anchor arrow badger beacon birch bison breeze bridge brook canyon cliff cloud comet condor crane creek dolphin dune eagle falcon field finch forest fox garden glacier grove hare hawk heron hill island kestrel lagoon lake lantern lark leaf lynx marsh meteor moon nova orbit orchid osprey otter panda peak pebble planet puma reef ridge robin sparrow star stone summit tiger valley willow wren'.split(
    ' ',
  )

const KIND_IN_URL: Record<Kind, string> = { workspace: 'ws', changeset: 'cs' }

/** `atlas-nova-4bc6` */
export function drawName(draw: (below: number) => number = randomInt): string {
  const word = (words: readonly string[]) => words[draw(words.length)] ?? ''
  return `${word(FIRST)}-${word(SECOND)}-${draw(0x10000).toString(16).padStart(4, '0')}`
}

export function namesOf(appId: ObjectId, kind: Kind, name: string, domain: string): { url: string; db_name: string } {
  const app = appId.toHexString()
  return { url: `${app.slice(0, 8)}-${KIND_IN_URL[kind]}-${name}.${domain}`, db_name: `tmp_${app}_${name}` }
}

/** Whether a database's name is one of a temporary environment of this app. */
export function isDatabaseName(appId: ObjectId, name: string): boolean {
  return new RegExp(`^tmp_${appId.toHexString()}_[a-z]+-[a-z]+-[0-9a-f]{4}$`).test(name)
}

/** Where the files of a workspace's environment are. */
export function branchOf(id: ObjectId, workspaceBranch: string): string {
  return `${branchFolder(id)}${workspaceBranch}`
}

export function isBranchOf(id: ObjectId, branch: string): boolean {
  return branch.startsWith(branchFolder(id))
}

function branchFolder(id: ObjectId): string {
  return `temp/${id.toHexString()}/`
}

/** What its own runtime profile is called. */
export function profileNameOf({ db_name }: Pick<TempEnvironmentDocument, 'db_name'>): string {
  return `temp-${db_name.slice(db_name.lastIndexOf('_') + 1)}`
}
