// What a check can reach, in a word or two: the same in a row, in the target's section and in the terminal.

import type { Capability } from '../harness/capabilities.ts'

const WORDS: Readonly<Record<Capability, string>> = {
  http: 'HTTP',
  repositories: 'repositories',
  mongo: 'database',
  'git-storage': 'git storage',
  'network-control': 'network',
  'mongo-partition': 'way to MongoDB',
  'worker-control': 'worker process',
  'api-control': 'API process',
  'git-control': 'git backend process',
  'mongo-control': 'database process',
  'mongo-stepdown': 'step-down',
  outbox: 'outbox',
  effects: 'effects of deployments',
  prometheus: 'Prometheus',
  source: 'source',
  logs: 'logs',
  'jwt-secret': 'token secret',
  configuration: 'start-up',
  processes: 'single processes',
}

/** A capability of another version is shown by its own name. */
export function reachWord(capability: string): string {
  return Object.hasOwn(WORDS, capability) ? WORDS[capability as Capability] : capability
}
