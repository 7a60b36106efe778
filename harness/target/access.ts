// What a user lets us reach of a Conman that runs somewhere, told from what was handed over alone: nothing is contacted
// here, so that `config check` says the same as a run.

import type { Capability } from '../capabilities.ts'
import type { HookName, ProxyRole, UrlOptions } from './options.ts'

export interface Access {
  capabilities: Set<Capability>
  /** Why what was begun to be handed over is not enough. */
  unreachable: Map<Capability, string>
}

/** Both commands of a part: one that is stopped must be started again by us. */
const PAIRS: readonly [Capability, HookName, HookName][] = [
  ['worker-control', 'worker-kill', 'worker-start'],
  ['api-control', 'api-kill', 'api-start'],
  ['git-control', 'git-stop', 'git-start'],
  ['mongo-control', 'mongo-stop', 'mongo-start'],
]

/** `proxies`: those that are there, once a Toxiproxy was asked; until then those that it would be asked for. */
export function accessTo(options: UrlOptions, proxies?: Partial<Record<ProxyRole, string>>): Access {
  // Repositories are there without being handed over where a Conman makes them itself (E03). Only trying tells, and what is
  // tried is an app that the API cannot remove: so it is left to the first check that needs one, which says what to hand over.
  const capabilities = new Set<Capability>(['http', 'repositories'])
  const unreachable = new Map<Capability, string>()
  const given: [Capability, unknown][] = [
    ['mongo', options.mongo],
    ['git-storage', options.gitStorage],
    ['logs', options.logs],
    ['outbox', options.outboxFile],
    ['jwt-secret', options.jwtSecret],
    ['prometheus', options.prometheusUrl],
    ['source', options.source],
    ['mongo-stepdown', options.hooks['mongo-stepdown']],
  ]
  for (const [capability, value] of given) if (value !== undefined) capabilities.add(capability)
  for (const [capability, stop, start] of PAIRS) {
    const missing = [stop, start].filter((name) => options.hooks[name] === undefined)
    if (missing.length === 0) capabilities.add(capability)
    else if (missing.length === 1) unreachable.set(capability, `the hook ${missing[0]} is missing`)
  }
  if (options.toxiproxy !== undefined) {
    const { git, 'mongo-api': api, 'mongo-worker': worker } = proxies ?? expectedProxies(options.toxiproxy.proxies)
    if (git !== undefined && api !== undefined) capabilities.add('network-control')
    else
      unreachable.set('network-control', `its Toxiproxy has no proxy before ${git === undefined ? 'git' : 'MongoDB'}`)
    if (api !== undefined && worker !== undefined && api !== worker) capabilities.add('mongo-partition')
    else unreachable.set('mongo-partition', 'its Toxiproxy has not one proxy each for the API and the worker')
  }
  return { capabilities, unreachable }
}

function expectedProxies(named: Partial<Record<ProxyRole, string>>): Record<ProxyRole, string> {
  return { 'mongo-api': 'mongo-api', 'mongo-worker': 'mongo-worker', git: 'git', ...named }
}
