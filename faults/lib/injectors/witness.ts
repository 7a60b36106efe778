// A bystander at the replica set: hears from every member, as any driver does, who is primary and in which term. What it
// heard, with its times, is the proof of an election, and of how long there was nobody to write to.

import '../../../tools/mongodb-driver.ts'
import { MongoClient, type ServerDescription, type TopologyDescription } from 'mongodb'
import { type Static, Type } from 'typebox'
import { HarnessError } from '../../../harness/errors.ts'
import type { Target } from '../../../harness/target/target.ts'
import type { Clock } from '../clock.ts'

export const PrimaryChangeSchema = Type.Object(
  {
    at_ms: Type.Number(),
    /** Null: none was known. */
    primary: Type.Union([Type.String(), Type.Null()]),
    /** Rises with every election; null where it is not told. */
    term: Type.Union([Type.Integer(), Type.Null()]),
    /** Members that answered. */
    members: Type.Integer(),
  },
  { additionalProperties: false },
)
export type PrimaryChange = Static<typeof PrimaryChangeSchema>

/** A frozen member is missed after a look and a time-out; members that live tell of themselves at once. */
const LOOK_EVERY_MS = 500
const ANSWER_WITHIN_MS = 1_000
const FIRST_WITHIN_MS = 10_000

export class Witness implements AsyncDisposable {
  readonly changes: PrimaryChange[] = []
  readonly #client: MongoClient
  readonly #clock: Clock

  private constructor(client: MongoClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
    client.on('topologyDescriptionChanged', ({ newDescription }) => this.#hear(newDescription))
  }

  static async open({ mongo }: Pick<Target, 'mongo'>, clock: Clock): Promise<Witness> {
    if (mongo === undefined) throw new HarnessError('the database was not handed over', 'set CONMAN_MONGO_URI')
    const client = new MongoClient(mongo.uri, {
      appName: 'conman-readiness-witness',
      heartbeatFrequencyMS: LOOK_EVERY_MS,
      connectTimeoutMS: ANSWER_WITHIN_MS,
      serverSelectionTimeoutMS: FIRST_WITHIN_MS,
    })
    const witness = new Witness(client, clock)
    await client.connect()
    return witness
  }

  get now(): PrimaryChange {
    return this.changes.at(-1) ?? { at_ms: this.#clock.now(), primary: null, term: null, members: 0 }
  }

  #hear(description: TopologyDescription): void {
    const servers = [...description.servers.values()]
    const primary = servers.find(({ type }) => type === 'RSPrimary')
    const heard: PrimaryChange = {
      at_ms: this.#clock.now(),
      primary: primary?.address ?? null,
      term: primary === undefined ? null : termOf(primary),
      members: servers.filter(({ type }) => type !== 'Unknown').length,
    }
    const before = this.changes.at(-1)
    if (before !== undefined && before.primary === heard.primary && before.term === heard.term) {
      if (before.members === heard.members) return
    }
    this.changes.push(heard)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close()
  }
}

/** The id of an election carries its term in the last eight bytes. */
function termOf({ electionId }: ServerDescription): number | null {
  if (electionId === null || electionId === undefined) return null
  const term = Number.parseInt(electionId.toHexString().slice(8), 16)
  return Number.isSafeInteger(term) ? term : null
}

/** When there was nobody to write to, as far as was heard; what lasts to the end ends with `until_ms`. */
export function gapsIn(changes: readonly PrimaryChange[], until_ms: number): { from_ms: number; to_ms: number }[] {
  return changes.flatMap(({ at_ms, primary }, index) =>
    primary === null ? [{ from_ms: at_ms, to_ms: changes[index + 1]?.at_ms ?? until_ms }] : [],
  )
}
