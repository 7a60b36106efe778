// A replica set of three whose logs show what is slow, and nothing was; for tests on evidence.

import type { SeenCommand } from '../../checklist/lib/seen-command.ts'
import type { SlowQueries } from './slow-queries.ts'

export function soundQueries(): SlowQueries {
  return {
    because: null,
    members: [0, 1, 2].map((number) => ({
      host: `127.0.0.1:${27_017 + number}`,
      before: number === 0 ? 'primary' : 'secondary',
      after: number === 0 ? 'primary' : 'secondary',
      slow_ms: 100,
      sample_rate: 1,
      operations: number === 2 ? 0 : 900,
      shows_control: true,
    })),
    unreachable: [],
    slow: [],
    slow_in_all: 0,
  }
}

export function slowQuery(duration_ms: number): SeenCommand {
  return {
    at_ms: 1_764_000_000_000,
    member: '127.0.0.1:27017',
    on: 'primary',
    app: 'conman-api',
    command: 'find',
    collection: 'changesets',
    read_preference: null,
    write_concern: null,
    transaction: null,
    failed: false,
    plan: 'COLLSCAN',
    keys_examined: 0,
    documents_examined: 9_000,
    returned: 20,
    sorted_in_memory: false,
    duration_ms,
    shape: '{app_id: ?}',
  }
}
