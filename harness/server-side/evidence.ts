// What the server's side did while a load ran: facts, no judgement. It stands beside the load's own evidence, in a file of
// its own, so that every load has it. Each part that could not be watched says why.

import { type Static, type TSchema, Type } from 'typebox'

/** `runs/<id>/<gatherer id>/<this>`. */
export const SERVER_SIDE_FILE = 'server-side.json'

const closed = { additionalProperties: false }
const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** Why a part could not be watched. */
const Missing = Type.Object({ because: Type.String() }, closed)
const OrMissing = <T extends TSchema>(schema: T) => Type.Union([schema, Missing])

/** Requests of one route with the same method, as k6 saw them: those of its warm-up too, which the server counts alike. */
const ClientRouteSchema = Type.Object(
  {
    method: Type.String(),
    /** Without its ids (routes.ts); null where the script's name for it tells none. */
    route: Nullable(Type.String()),
    by_status: Type.Record(Type.String(), Type.Integer()),
    mean_ms: Type.Number(),
    p50_ms: Type.Number(),
    p99_ms: Type.Number(),
    max_ms: Type.Number(),
  },
  closed,
)
export type ClientRoute = Static<typeof ClientRouteSchema>

const ProcessSchema = Type.Object(
  {
    name: Type.String(),
    /** Processor time a second in the measured window, of all its threads and of children that have ended: 1 is one core. */
    cores: Type.Number(),
    /** The same of its busiest thread; null where threads were not looked at. */
    busiest_thread_cores: Nullable(Type.Number()),
    /** How much of a second that thread was ready and waited for a processor; null where the system does not tell. */
    busiest_thread_waited: Nullable(Type.Number()),
    rss_bytes_max: Type.Integer(),
    /** Over the whole load, thinned. */
    points: Type.Array(Type.Object({ at_s: Type.Number(), cores: Type.Number() }, closed)),
  },
  closed,
)
export type WatchedProcess = Static<typeof ProcessSchema>

const MachineSchema = Type.Object(
  {
    cpus: Type.Integer(),
    /** Shares of all cores in the measured window. */
    busy_share: Type.Number(),
    iowait_share: Type.Number(),
    /** How much of the time something waited for a disk (pressure stall information); null where the system does not tell. */
    io_stalled_share: Nullable(Type.Number()),
  },
  closed,
)

const RequestCountSchema = Type.Object(
  { method: Type.String(), route: Type.String(), status: Type.String(), count: Type.Number() },
  closed,
)
export type RequestCount = Static<typeof RequestCountSchema>

const DurationsSchema = Type.Object(
  {
    method: Type.String(),
    route: Type.String(),
    count: Type.Number(),
    sum_ms: Type.Number(),
    /** Of a histogram, in ascending order: how many took at most so long. Empty where the target has a summary. */
    buckets: Type.Array(Type.Object({ le_ms: Nullable(Type.Number()), count: Type.Number() }, closed)),
  },
  closed,
)
export type Durations = Static<typeof DurationsSchema>

const GitCallsSchema = Type.Object(
  { method: Type.String(), count: Type.Number(), failed: Type.Number(), sum_ms: Type.Number() },
  closed,
)

const MetricsSchema = Type.Object(
  {
    scrapes: Type.Integer(),
    scrapes_failed: Type.Integer(),
    scrape_ms_max: Type.Number(),
    bytes_max: Type.Integer(),
    /** Lines that are no exposition text; they were left out. */
    unreadable_lines: Type.Integer(),
    /** Counters that fell while they were watched: the server started anew, or several answer in turn, each with its own. */
    fell: Type.Integer(),
    /** Whether it has a counter of requests at all. */
    counts_requests: Type.Boolean(),
    /** What was added between the first scrape, before the load, and the last, after it. */
    requests: Type.Array(RequestCountSchema),
    durations: Type.Array(DurationsSchema),
    git_calls: Type.Array(GitCallsSchema),
    /** Jobs that wait, of all types; empty where it is not told. */
    queue_depth: Type.Array(Type.Object({ at_s: Type.Number(), jobs: Type.Number() }, closed)),
    /** Processor time of the scraped process, where it tells it. */
    cpu_s: Nullable(Type.Number()),
  },
  closed,
)
export type WatchedMetrics = Static<typeof MetricsSchema>

/** What one member did, between the beginning and the end. Null: this version of MongoDB does not tell it. */
const MemberSchema = Type.Object(
  {
    host: Type.String(),
    role: Type.String(),
    operations: Type.Number(),
    documents_examined: Nullable(Type.Number()),
    documents_returned: Nullable(Type.Number()),
    collection_scans: Nullable(Type.Number()),
    sorts_in_memory: Nullable(Type.Number()),
    write_conflicts: Nullable(Type.Number()),
    lock_waited_ms: Nullable(Type.Number()),
    /** Operations that waited for a lock or a ticket, at the worst look. */
    queued_max: Nullable(Type.Number()),
    tickets_free_min: Nullable(Type.Number()),
    connections_max: Nullable(Type.Number()),
    /** Waiting until other members had a write. */
    write_concern: Nullable(Type.Object({ waits: Type.Number(), ms: Type.Number() }, closed)),
    journal_syncs: Nullable(Type.Object({ syncs: Type.Number(), ms: Type.Number() }, closed)),
    flow_control_ms: Nullable(Type.Number()),
  },
  closed,
)
export type WatchedMember = Static<typeof MemberSchema>

const QuerySchema = {
  collection: Type.String(),
  command: Type.String(),
  /** Fields and operators without their values. */
  shape: Type.String(),
  plan: Nullable(Type.String()),
}

/** Of one shape, from the members' slow-query log. */
const SlowQuerySchema = Type.Object(
  {
    ...QuerySchema,
    count: Type.Integer(),
    max_ms: Type.Number(),
    total_ms: Type.Number(),
    documents_examined: Type.Number(),
    keys_examined: Type.Number(),
    returned: Type.Number(),
    sorted_in_memory: Type.Boolean(),
  },
  closed,
)
export type SlowQuery = Static<typeof SlowQuerySchema>

/** Operations that were under way when it was looked. */
const SeenQuerySchema = Type.Object({ ...QuerySchema, seen: Type.Integer(), waiting_for_lock: Type.Integer() }, closed)
export type SeenQuery = Static<typeof SeenQuerySchema>

const CollectionUseSchema = Type.Object(
  { collection: Type.String(), operations: Type.Number(), ms: Type.Number() },
  closed,
)

const DatabaseSchema = Type.Object(
  {
    members: Type.Array(MemberSchema),
    /** By collection, of all members together; null where only a server's own figures may be read. */
    collections: Nullable(Type.Array(CollectionUseSchema)),
    /** The members' own threshold, and what their logs held above it; null where the logs cannot be read. */
    slow: Nullable(Type.Object({ from_ms: Type.Number(), queries: Type.Array(SlowQuerySchema) }, closed)),
    /** Null where operations under way may not be looked at. */
    under_way: Nullable(Type.Object({ looks: Type.Integer(), queries: Type.Array(SeenQuerySchema) }, closed)),
  },
  closed,
)
export type WatchedDatabase = Static<typeof DatabaseSchema>

const SpreadSchema = Type.Object(
  { n: Type.Integer(), sum_ms: Type.Number(), p50_ms: Type.Number(), max_ms: Type.Number() },
  closed,
)
export type Spread = Static<typeof SpreadSchema>

/** Jobs of one type that were made while the load ran, as their documents stood once the check had gathered everything. */
const JobsSchema = Type.Object(
  {
    type: Type.String(),
    made: Type.Integer(),
    by_state: Type.Record(Type.String(), Type.Integer()),
    /** From its creation to its last start; from there to its end; from its creation to its end. Null: none got so far. */
    waited: Nullable(SpreadSchema),
    ran: Nullable(SpreadSchema),
    whole: Nullable(SpreadSchema),
  },
  closed,
)
export type WatchedJobs = Static<typeof JobsSchema>

export const ServerSideLoadSchema = Type.Object(
  {
    label: Type.String(),
    /** Milliseconds since the epoch: the whole watch, and the requests that count, after the warm-up. */
    watched: Type.Object({ from_ms: Type.Number(), to_ms: Type.Number() }, closed),
    measured: Type.Object({ from_ms: Type.Number(), to_ms: Type.Number(), requests: Type.Integer() }, closed),
    /** Empty where no k6 made the load, but the harness itself: the check keeps the record. */
    client: Type.Array(ClientRouteSchema),
    generator: Type.Object(
      { cpu_share: Nullable(Type.Number()), dropped_iterations: Type.Integer(), pulse_lag_ms_max: Type.Number() },
      closed,
    ),
    /** True where the harness itself started the one process that answers: then nobody else can have answered. */
    one_server: Type.Boolean(),
    machine: OrMissing(MachineSchema),
    processes: OrMissing(Type.Array(ProcessSchema)),
    metrics: OrMissing(MetricsSchema),
    database: OrMissing(DatabaseSchema),
    jobs: OrMissing(Type.Array(JobsSchema)),
    /** What watching cost: processor time of the whole harness as a share of all cores, and of one look at the processes. */
    cost: Type.Object({ harness_cpu_share: Type.Number(), looks: Type.Integer(), look_cpu_ms: Type.Number() }, closed),
  },
  closed,
)
export type ServerSideLoad = Static<typeof ServerSideLoadSchema>

export const ServerSideSchema = Type.Object(
  { schema: Type.Literal('readiness-server-side/1'), loads: Type.Array(ServerSideLoadSchema) },
  closed,
)
export type ServerSide = Static<typeof ServerSideSchema>

export type Missing = Static<typeof Missing>

export function isMissing(part: object): part is Missing {
  return 'because' in part
}
