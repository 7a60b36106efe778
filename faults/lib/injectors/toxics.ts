// Faults of the network, by the switches of a Toxiproxy: before the git backend, on the API's way to MongoDB, on the worker's.
// What became of the way is seen by going it.

import { type ICreateToxicBody, type ToxicType, Toxiproxy } from 'toxiproxy-node-client'
import type { Capability } from '../../../harness/capabilities.ts'
import { HarnessError } from '../../../harness/errors.ts'
import type { ProxyRole } from '../../../harness/target/options.ts'
import type { Target } from '../../../harness/target/target.ts'
import { type Fault, inject, type Seen } from './fault.ts'
import { goThrough, type Passage } from './passage.ts'

export type Toxic =
  /** New connections are refused, those that are open closed. */
  | { kind: 'down' }
  /** A connection is reset as soon as something is sent on it. */
  | { kind: 'reset' }
  /** Bytes are swallowed, and connections stay open. */
  | { kind: 'black-hole' }
  /** What the far side sends comes later. */
  | { kind: 'latency'; latency_ms: number; jitter_ms?: number }
  /** Cut off after so many bytes from the far side: committed, and the answer lost. */
  | { kind: 'limit'; bytes: number }

const WAYS: Readonly<Record<ProxyRole, string>> = {
  git: 'the way to the git backend',
  'mongo-api': "the API's way to MongoDB",
  'mongo-worker': "the worker's way to MongoDB",
}

/** Both ways of a program that is one process are the API's: use `mongo-api` there. */
export function cut(role: ProxyRole, toxic: Toxic): Fault {
  const id = `${role}-${toxic.kind}`
  const title = `${WAYS[role]} ${said(toxic)}`
  return {
    id,
    title,
    needs: [role === 'git' ? 'network-control' : 'mongo-partition'] satisfies Capability[],
    async inject(site) {
      const way = wayOf(site.run.target, role)
      const before = await way.go()
      return inject(
        site,
        { id, title },
        {
          strike: () => way.spoil(toxic),
          observe: () => way.seenAs(toxic, before),
          undo: () => way.mend(),
          confirm: () => way.seenMended(before),
        },
      )
    },
  }
}

function said(toxic: Toxic): string {
  switch (toxic.kind) {
    case 'down':
      return 'is cut'
    case 'reset':
      return 'resets its connections'
    case 'black-hole':
      return 'swallows all bytes'
    case 'latency':
      return `is ${toxic.latency_ms} ms late`
    case 'limit':
      return `is cut off after ${toxic.bytes} bytes`
  }
}

const ANSWER_WITHIN_MS = 5_000

/** Ours among the toxics that somebody else may have put there. */
const TOXIC_NAME = 'readiness'

interface Way {
  go(): Promise<Passage>
  spoil(toxic: Toxic): Promise<void>
  mend(): Promise<void>
  seenAs(toxic: Toxic, before: Passage): Promise<Seen>
  seenMended(before: Passage): Promise<Seen>
}

function wayOf({ handedOver, stack }: Target, role: ProxyRole): Way {
  const { toxiproxy } = handedOver ?? {}
  const name = toxiproxy?.proxies[role]
  if (toxiproxy === undefined || name === undefined) {
    throw new HarnessError(`there is no switch on ${WAYS[role]}`, 'ask for the capability first')
  }
  const client = new Toxiproxy(toxiproxy.url)
  const proxy = () => client.get(name)
  const asItIs = async () => {
    const { listen, upstream } = await proxy()
    return { listen, upstream }
  }
  // The port that it listens on may be another machine's: where it cannot be gone through, Toxiproxy's own word counts.
  const go = async () => goThrough((await proxy()).listen, role, stack !== undefined)
  // The client leaves the toxics of a proxy out.
  const word = async (): Promise<'down' | 'spoiled' | 'open'> => {
    const answer = await fetch(`${toxiproxy.url}/proxies/${encodeURIComponent(name)}`, {
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    })
    const { enabled, toxics } = (await answer.json()) as { enabled: boolean; toxics: { name: string }[] }
    return !enabled ? 'down' : toxics.some((toxic) => toxic.name === TOXIC_NAME) ? 'spoiled' : 'open'
  }
  return {
    go,
    async spoil(toxic) {
      if (toxic.kind === 'down') {
        await (await proxy()).update({ enabled: false, ...(await asItIs()) })
        return
      }
      await (await proxy()).addToxic<Record<string, number>>(bodyOf(toxic))
    },
    async mend() {
      const said = await word()
      if (said === 'spoiled') await (await (await proxy()).getToxic(TOXIC_NAME)).remove()
      if (said === 'down') await (await proxy()).update({ enabled: true, ...(await asItIs()) })
    },
    async seenAs(toxic, before) {
      const said = await word()
      if (said !== (toxic.kind === 'down' ? 'down' : 'spoiled')) return undefined
      if (before.kind !== 'answered') return [`Toxiproxy says that ${name} is ${said}`]
      const passage = await go()
      return isWanted(toxic, passage, before) ? [`through ${name}: ${described(passage)}`] : undefined
    },
    async seenMended(before) {
      if ((await word()) !== 'open') return undefined
      if (before.kind !== 'answered') return [`Toxiproxy says that ${name} is open`]
      const passage = await go()
      return passage.kind === 'answered' ? [`through ${name}: ${described(passage)}`] : undefined
    },
  }
}

function isWanted(toxic: Toxic, passage: Passage, before: Passage): boolean {
  switch (toxic.kind) {
    case 'down':
      return passage.kind === 'refused'
    case 'reset':
      return passage.kind === 'reset' || passage.kind === 'closed'
    case 'black-hole':
      return passage.kind === 'silent'
    case 'latency':
      return passage.kind === 'silent' || passage.took_ms >= before.took_ms + toxic.latency_ms / 2
    case 'limit':
      // So few bytes as an answer to a greeting has may still pass.
      return true
  }
}

function described({ kind, took_ms }: Passage): string {
  switch (kind) {
    case 'answered':
      return `an answer after ${took_ms.toFixed(0)} ms`
    case 'refused':
      return 'connection refused'
    case 'reset':
      return 'connection reset'
    case 'closed':
      return 'connection closed without an answer'
    case 'silent':
      return `connected, and no byte within ${took_ms.toFixed(0)} ms`
  }
}

function bodyOf(toxic: Exclude<Toxic, { kind: 'down' }>): ICreateToxicBody<Record<string, number>> {
  const of = (type: ToxicType, attributes: Record<string, number>) => ({
    name: TOXIC_NAME,
    stream: 'downstream' as const,
    toxicity: 1,
    type,
    attributes,
  })
  switch (toxic.kind) {
    case 'reset':
      return of('reset_peer', { timeout: 0 })
    case 'black-hole':
      return of('timeout', { timeout: 0 })
    case 'latency':
      return of('latency', { latency: toxic.latency_ms, jitter: toxic.jitter_ms ?? 0 })
    case 'limit':
      return of('limit_data', { bytes: toxic.bytes })
  }
}
