// Three mongod on wiredTiger as one replica set on loopback. Each member can be killed, frozen and started again by its
// handle, and the set tells its primary and its term, so that a fault can prove what it did.

import '../../tools/mongodb-driver.ts'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Document, MongoClient } from 'mongodb'
import { HarnessError } from '../errors.ts'
import { freePort } from './ports.ts'
import { ManagedProcess } from './processes.ts'
import type { Reaper } from './reaper-client.ts'
import { waitFor } from './wait-for.ts'

export interface ReplicaSetOptions {
  /** Path of the mongod program. */
  mongod: string
  /** Holds the members' data. */
  dataDir: string
  logDir: string
  reaper: Reaper
  /**
   * How long secondaries wait for a silent primary before they elect another. MongoDB's default is 10 s, and the golive
   * profile uses it; 2 s makes the same thing happen sooner. Printed beside every recovery time.
   */
  electionTimeout_ms?: number
}

export interface MemberState {
  /** `undefined` when the member does not answer. */
  state: 'PRIMARY' | 'SECONDARY' | 'other' | undefined
}

export const REPLICA_SET_NAME = 'rs0'
const ELECTION_TIMEOUT_MS = 2_000
const MEMBERS = 3
const LISTENING_WITHIN_MS = 30_000
const ELECTED_WITHIN_MS = 30_000
/** Short on purpose: the next note is what a waiting member needs. */
const NOTE_WITHIN_MS = 40

/** A member that answers at all answers within milliseconds; a frozen one must not hold up the others. */
const ASK_WITHIN_MS = 1_000

export class Member {
  readonly port: number
  readonly process: ManagedProcess
  #client: MongoClient | undefined

  constructor(port: number, process: ManagedProcess) {
    this.port = port
    this.process = process
  }

  get host(): string {
    return `127.0.0.1:${this.port}`
  }

  get name(): string {
    return this.process.name
  }

  /** A command to this member alone, whatever its state. */
  async command(command: Document): Promise<Document> {
    this.#client ??= new MongoClient(`mongodb://${this.host}/?directConnection=true`, {
      appName: 'readiness-harness',
      serverSelectionTimeoutMS: ASK_WITHIN_MS,
      connectTimeoutMS: ASK_WITHIN_MS,
      socketTimeoutMS: ASK_WITHIN_MS,
      maxPoolSize: 4,
    })
    return await this.#client.db('admin').command(command)
  }

  async state(): Promise<MemberState['state']> {
    if (!this.process.running) return undefined
    try {
      const hello = await this.command({ hello: 1 })
      return hello.isWritablePrimary ? 'PRIMARY' : hello.secondary ? 'SECONDARY' : 'other'
    } catch {
      return undefined
    }
  }

  async closeClient(): Promise<void> {
    await this.#client?.close()
    this.#client = undefined
  }
}

export class ReplicaSet implements AsyncDisposable {
  readonly name = REPLICA_SET_NAME
  readonly members: readonly Member[]
  readonly electionTimeout_ms: number

  constructor(members: Member[], electionTimeout_ms: number) {
    this.members = members
    this.electionTimeout_ms = electionTimeout_ms
  }

  /** Straight to the members, for the harness itself. */
  get uri(): string {
    return `mongodb://${this.members.map((member) => member.host).join(',')}/?replicaSet=${this.name}`
  }

  /** Every member follows and a write reaches all of them when it returns. A port that was taken is an `AddressInUse`. */
  async start(signal?: AbortSignal): Promise<void> {
    for (const one of this.members) one.process.spawn()
    await Promise.all(this.members.map((one) => one.process.waitUntilReady(signal)))
    await initiate(this, signal)
  }

  async primary(): Promise<Member | undefined> {
    const states = await Promise.all(this.members.map((member) => member.state()))
    return this.members[states.indexOf('PRIMARY')]
  }

  async secondaries(): Promise<Member[]> {
    const states = await Promise.all(this.members.map((member) => member.state()))
    return this.members.filter((_, i) => states[i] === 'SECONDARY')
  }

  async waitForPrimary(
    options: { within_ms?: number; notMember?: Member; signal?: AbortSignal | undefined } = {},
  ): Promise<Member> {
    return await waitFor(
      async () => {
        const primary = await this.primary()
        return primary === options.notMember ? undefined : primary
      },
      {
        what: options.notMember === undefined ? 'a primary' : `a primary other than ${options.notMember.name}`,
        within_ms: options.within_ms ?? this.electionTimeout_ms * 3 + ELECTED_WITHIN_MS,
        signal: options.signal,
      },
    )
  }

  /** One primary and all the others secondaries: a majority write can reach every member. */
  async waitUntilHealthy(options: { within_ms?: number; signal?: AbortSignal | undefined } = {}): Promise<void> {
    let last: MemberState['state'][] = []
    await waitFor(
      async () => {
        last = await Promise.all(this.members.map((member) => member.state()))
        return (
          last.filter((state) => state === 'PRIMARY').length === 1 &&
          last.every((state) => state === 'PRIMARY' || state === 'SECONDARY')
        )
      },
      {
        what: 'one primary and two secondaries',
        within_ms: options.within_ms ?? this.electionTimeout_ms * 3 + ELECTED_WITHIN_MS,
        signal: options.signal,
        instead: () => this.members.map((member, i) => `${member.name}: ${last[i] ?? 'no answer'}`).join('\n'),
      },
    )
  }

  /** The election term, as the primary knows it: it rises with every election. */
  async term(): Promise<number> {
    const primary = await this.waitForPrimary()
    const status = await primary.command({ replSetGetStatus: 1 })
    return Number(status.term)
  }

  /** Asks the primary to step down, as a planned maintenance would. Client connections stay. */
  async stepDown(seconds = 10): Promise<Member> {
    const primary = await this.waitForPrimary()
    await primary.command({ replSetStepDown: seconds, secondaryCatchUpPeriodSecs: Math.min(seconds, 10) })
    return primary
  }

  async closeClients(): Promise<void> {
    await Promise.all(this.members.map((member) => member.closeClient()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeClients()
    // Their data goes with them: no orderly shutdown, which would wait for elections.
    await Promise.all(this.members.map((member) => member.process[Symbol.asyncDispose]()))
  }
}

/** Not started yet: the ports are known, so that others can be told of them. */
export async function prepareReplicaSet(options: ReplicaSetOptions): Promise<ReplicaSet> {
  const electionTimeout_ms = options.electionTimeout_ms ?? ELECTION_TIMEOUT_MS
  const members = await Promise.all(Array.from({ length: MEMBERS }, (_, i) => member(i + 1, options)))
  return new ReplicaSet(members, electionTimeout_ms)
}

async function member(number: number, { mongod, dataDir, logDir, reaper }: ReplicaSetOptions): Promise<Member> {
  const name = `mongod-${number}`
  const port = await freePort()
  const dbpath = join(dataDir, name)
  await mkdir(dbpath, { recursive: true })
  const parameters = [
    // failCommand and stopReplProducer, which the fault injectors use.
    'enableTestCommands=1',
    // Full-time diagnostic data: disk writes each second that nobody reads here.
    'diagnosticDataCollectionEnabled=false',
  ]
  const process = new ManagedProcess(
    {
      name,
      command: mongod,
      args: [
        ...['--replSet', REPLICA_SET_NAME, '--port', String(port), '--bind_ip', '127.0.0.1', '--dbpath', dbpath],
        ...['--nounixsocket', '--storageEngine', 'wiredTiger', '--wiredTigerCacheSizeGB', '0.25', '--oplogSize', '256'],
        ...parameters.flatMap((parameter) => ['--setParameter', parameter]),
      ],
      logFile: join(logDir, `${name}.log`),
      stopWithin_ms: 0,
      ready: {
        what: `to listen on port ${port}`,
        within_ms: LISTENING_WITHIN_MS,
        // Its own words: a connection would also succeed to somebody else's program on that port.
        probe: (it) => it.log().includes('"msg":"Waiting for connections"'),
      },
    },
    reaper,
  )
  return new Member(port, process)
}

/**
 * A set of one elects itself at once, and the two others then have a primary to copy from at their first look. Initiated as
 * three, the first election would wait for its time-out.
 */
async function initiate(set: ReplicaSet, signal?: AbortSignal): Promise<void> {
  const [first, ...others] = set.members
  if (first === undefined) throw new HarnessError('a replica set without members', 'run again')
  const settings = { electionTimeoutMillis: set.electionTimeout_ms }
  const asMember = (member: Member) => ({ _id: set.members.indexOf(member), host: member.host })
  await first.command({ replSetInitiate: { _id: set.name, members: [asMember(first)], settings } })
  await waitFor(async () => (await first.state()) === 'PRIMARY', {
    what: 'the first primary',
    within_ms: ELECTED_WITHIN_MS,
    signal,
  })
  // A member measures the others for a second before it chooses whom to copy from, and again before it follows somebody's
  // oplog; here there is no choice, either time. A mongod that does not know this failpoint is ready two seconds later.
  const choice = (mode: string, data = {}) =>
    Promise.all(
      others.map((other) =>
        other.command({ configureFailPoint: 'forceSyncSourceCandidate', mode, data }).catch(() => {}),
      ),
    )
  await choice('alwaysOn', { hostAndPort: first.host })
  // By force, because otherwise members are added one by one; nothing is in the set yet that could be lost.
  const { config } = await first.command({ replSetGetConfig: 1 })
  const members = [...config.members, ...others.map(asMember)]
  await first.command({ replSetReconfig: { ...config, version: config.version + 1, members }, force: true })
  // A secondary by name may not follow yet: notes in the oplog, the last one acknowledged by all three, are the proof. One after
  // the other, because a member that finds nothing newer at its source looks away for a second.
  const note = { appendOplogNote: 1, data: { readiness: 'all members follow' } }
  const everywhere = { writeConcern: { w: set.members.length, wtimeout: NOTE_WITHIN_MS } }
  await waitFor(async () => (await first.command({ ...note, ...everywhere }).catch(() => undefined))?.ok === 1, {
    what: 'a write to reach all members',
    within_ms: ELECTED_WITHIN_MS,
    signal,
  })
  await choice('off')
  await set.waitUntilHealthy({ signal })
}
