// Every member of the replica set, each by a connection of its own: what one member did, and which indexes it used, only
// that member tells.

import { type Document, MongoClient } from 'mongodb'
import { HarnessError } from '../../harness/errors.ts'
import type { Target } from '../../harness/target/target.ts'

/** Also tells our own commands from the target's, in the members' logs. */
export const OUR_APP_NAME = 'conman-readiness'

/** A member that answers at all answers within milliseconds; this is for one that is far away. */
const ANSWER_WITHIN_MS = 5_000

export interface Member {
  host: string
  client: MongoClient
}

export interface Database extends AsyncDisposable {
  readonly name: string
  /** Whichever member the read preference picks. */
  readonly client: MongoClient
  readonly members: readonly Member[]
  /** Members that the set names and that cannot be reached from here. */
  readonly unreachable: readonly string[]
}

export async function openDatabase({ mongo }: Pick<Target, 'mongo'>): Promise<Database> {
  if (mongo === undefined) throw new HarnessError('the database was not handed over', 'set CONMAN_MONGO_URI')
  await using undo = new AsyncDisposableStack()
  const connect = async (uri: string) => {
    const options = { appName: OUR_APP_NAME, serverSelectionTimeoutMS: ANSWER_WITHIN_MS }
    const client = undo.adopt(new MongoClient(uri, options), (it) => it.close())
    return client.connect()
  }
  const client = await connect(mongo.uri)
  const hello = await client.db('admin').command({ hello: 1 })
  // A server that is no replica set names no hosts, and is the one that there is.
  const hosts = (hello.hosts as string[] | undefined) ?? []
  const members: Member[] = []
  const unreachable: string[] = []
  for (const host of hosts) {
    try {
      members.push({ host, client: await connect(directUri(mongo.uri, host)) })
    } catch {
      unreachable.push(host)
    }
  }
  if (hosts.length === 0) members.push({ host: 'the only server', client })
  const owned = undo.move()
  return { name: mongo.database, client, members, unreachable, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

export async function stateOf({ client }: Member): Promise<'primary' | 'secondary' | 'other'> {
  const hello: Document = await client.db('admin').command({ hello: 1 })
  return hello.isWritablePrimary ? 'primary' : hello.secondary ? 'secondary' : 'other'
}

/** The same credentials and options, for one member. */
export function directUri(uri: string, host: string): string {
  const parts = /^mongodb(\+srv)?:\/\/((?:[^@/]*@)?)[^/?]+(\/[^?]*)?(?:\?(.*))?$/.exec(uri)
  if (parts === null) throw new HarnessError('the database’s address has a form that is not known', 'report it')
  const [, srv, credentials = '', path = '/', query = ''] = parts
  const kept = query.split('&').filter((option) => option !== '' && !/^(replicaSet|directConnection)=/i.test(option))
  // An address that is looked up by name is encrypted unless it says otherwise.
  if (srv !== undefined && !kept.some((option) => /^(tls|ssl)=/i.test(option))) kept.push('tls=true')
  return `mongodb://${credentials}${host}${path}?${[...kept, 'directConnection=true'].join('&')}`
}
