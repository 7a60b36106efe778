/**
 * The metrics of one process, by name: M1–M9 and what the alerts need. Series whose labels are known beforehand exist from the
 * start with zero, so that a rate over them is right from the first event on.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { JOB_TYPES } from '../mongo/documents.ts'

export type JobOutcome = 'succeeded' | 'failed' | 'canceled'

export interface Metrics {
  readonly registry: Registry
  httpRequest(method: string, path: string, status: number, durationMs: number): void
  jobEnqueued(type: string): void
  /** `durationMs` runs from the job's creation to its end: what SLO3 promises. */
  jobCompleted(type: string, outcome: JobOutcome, durationMs: number): void
  deployment(outcome: JobOutcome): void
  gitCall(method: string, outcome: string, durationMs: number): void
  authFailure(): void
  rateLimited(userId: string): void
  queueDepth(depths: ReadonlyMap<string, number>): void
  componentUp(component: string, up: boolean): void
  heartbeat(unixSeconds: number): void
  leakedTempEnvironments(count: number): void
}

/** The edges include every limit of the specification: 100 ms, 500 ms, 1, 2, 3, 5 and 30 s. */
const HTTP_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30]
const GIT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60]
const JOB_BUCKETS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800]

const OUTCOMES: readonly JobOutcome[] = ['succeeded', 'failed', 'canceled']
const GIT_METHODS = [
  'CommitIsAncestor',
  'DiffStats',
  'FindBranch',
  'FindCommit',
  'FindTag',
  'GetBlobs',
  'GetTreeEntries',
  'RepositoryExists',
  'UpdateReferences',
  'UserCommitFiles',
  'UserCreateBranch',
  'UserCreateTag',
  'UserMergeToRef',
  'UserRevert',
]
const COMPONENTS = ['mongodb', 'gitaly', 'job_runner']

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const httpRequests = new Counter({
    name: 'conman_http_requests_total',
    help: 'HTTP requests answered, by method, route pattern and status.',
    labelNames: ['method', 'path', 'status'],
    registers,
  })
  const httpDuration = new Histogram({
    name: 'conman_http_request_duration_seconds',
    help: 'Time to answer an HTTP request, by method and route pattern.',
    labelNames: ['method', 'path'],
    buckets: HTTP_BUCKETS,
    registers,
  })
  const jobsEnqueued = new Counter({
    name: 'conman_jobs_enqueued_total',
    help: 'Jobs put into the queue, by type.',
    labelNames: ['type'],
    registers,
  })
  const jobsCompleted = new Counter({
    name: 'conman_jobs_completed_total',
    help: 'Jobs that reached a final state, by type and outcome.',
    labelNames: ['type', 'outcome'],
    registers,
  })
  const jobDuration = new Histogram({
    name: 'conman_job_duration_seconds',
    help: 'Time from a job being created to its final state, by type.',
    labelNames: ['type'],
    buckets: JOB_BUCKETS,
    registers,
  })
  const jobQueueDepth = new Gauge({
    name: 'conman_job_queue_depth',
    help: 'Jobs waiting in state queued, by type.',
    labelNames: ['type'],
    registers,
  })
  const deployments = new Counter({
    name: 'conman_deployments_total',
    help: 'Deployments that reached a final state, by outcome.',
    labelNames: ['outcome'],
    registers,
  })
  const gitCalls = new Counter({
    name: 'conman_gitaly_calls_total',
    help: 'Attempts of calls to the git backend, by method and outcome.',
    labelNames: ['method', 'outcome'],
    registers,
  })
  const gitDuration = new Histogram({
    name: 'conman_gitaly_call_duration_seconds',
    help: 'Duration of one attempt of a call to the git backend, by method.',
    labelNames: ['method'],
    buckets: GIT_BUCKETS,
    registers,
  })
  const authFailures = new Counter({
    name: 'conman_auth_failures_total',
    help: 'Refused logins and refused tokens.',
    registers,
  })
  const rateLimited = new Counter({
    name: 'conman_rate_limited_total',
    help: 'Requests refused by a rate limit, by user; anonymous ones are limited by address.',
    labelNames: ['user_id'],
    registers,
  })
  const componentUp = new Gauge({
    name: 'conman_component_up',
    help: 'Whether health finds a component usable: 1, or 0 when unhealthy.',
    labelNames: ['component'],
    registers,
  })
  const heartbeat = new Gauge({
    name: 'conman_job_runner_heartbeat_timestamp_seconds',
    help: 'Unix time of the newest heartbeat of a job runner; 0 when there never was one.',
    registers,
  })
  const leaked = new Gauge({
    name: 'conman_temp_env_leaked',
    help: 'Temporary environments still expired more than an hour after their grace ended.',
    registers,
  })

  for (const type of JOB_TYPES) {
    jobsEnqueued.inc({ type }, 0)
    jobQueueDepth.set({ type }, 0)
    jobDuration.zero({ type })
    for (const outcome of OUTCOMES) jobsCompleted.inc({ type, outcome }, 0)
  }
  for (const outcome of OUTCOMES) deployments.inc({ outcome }, 0)
  for (const method of GIT_METHODS) {
    gitCalls.inc({ method, outcome: 'ok' }, 0)
    gitDuration.zero({ method })
  }
  for (const component of COMPONENTS) componentUp.set({ component }, 0)
  rateLimited.inc({ user_id: 'anonymous' }, 0)

  return {
    registry,
    httpRequest(method, path, status, durationMs) {
      httpRequests.inc({ method, path, status })
      httpDuration.observe({ method, path }, durationMs / 1000)
    },
    jobEnqueued: (type) => jobsEnqueued.inc({ type }),
    jobCompleted(type, outcome, durationMs) {
      jobsCompleted.inc({ type, outcome })
      jobDuration.observe({ type }, durationMs / 1000)
    },
    deployment: (outcome) => deployments.inc({ outcome }),
    gitCall(method, outcome, durationMs) {
      gitCalls.inc({ method, outcome })
      gitDuration.observe({ method }, durationMs / 1000)
    },
    authFailure: () => authFailures.inc(),
    rateLimited: (userId) => rateLimited.inc({ user_id: userId }),
    queueDepth(depths) {
      for (const type of new Set([...JOB_TYPES, ...depths.keys()])) jobQueueDepth.set({ type }, depths.get(type) ?? 0)
    },
    componentUp: (component, up) => componentUp.set({ component }, up ? 1 : 0),
    heartbeat: (unixSeconds) => heartbeat.set(unixSeconds),
    leakedTempEnvironments: (count) => leaked.set(count),
  }
}
