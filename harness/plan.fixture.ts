// A plan as a run leaves it, for tests on saved runs: each changes the one thing that it is about.

import { type AnyCheck, catalogueHash } from './catalogue.ts'
import type { Plan } from './result.ts'

export function savedPlan(checks: readonly AnyCheck[]): Plan {
  return {
    schema: 'readiness-plan/1',
    run: '20261125T100000Z-000000',
    created_at: '2026-11-25T10:00:00Z',
    harness: { version: '0.1.0', commit: 'a'.repeat(40) },
    profile: 'smoke',
    random_seed: 1,
    command: `./readiness run ${checks.map(({ id }) => id).join(' ')}`,
    target: {
      kind: 'url',
      address: 'https://conman.example',
      version: '1.2.3',
      openapi_sha256: null,
      health: [],
      headers: [],
      mongodb: null,
      capabilities: ['http'],
      settings: {},
    },
    catalogue_sha256: catalogueHash(),
    whole_catalogue: false,
    checks: checks.map(({ id, title, failureTitle, gatherer, requirement, limits }) => ({
      id,
      title,
      failure_title: failureTitle,
      gatherer: gatherer.id,
      requirement,
      limits: [...limits],
    })),
    machine: { cpus: 2, cpu_model: 'a processor', memory_bytes: 24 * 2 ** 30, platform: 'linux x64' },
    tools: [],
  }
}
