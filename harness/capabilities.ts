// What a check can ask to reach, and what to hand over where a target does not let us. Checks ask for these and never for
// the kind of target.

export type Capability =
  | 'http'
  | 'repositories'
  | 'mongo'
  | 'git-storage'
  | 'logs'
  | 'outbox'
  | 'effects'
  | 'jwt-secret'
  | 'configuration'
  | 'prometheus'
  | 'source'
  | 'network-control'
  | 'mongo-partition'
  | 'worker-control'
  | 'api-control'
  | 'git-control'
  | 'mongo-stepdown'
  | 'mongo-control'
  | 'processes'

export interface CapabilityInfo {
  /** As the end of ‘cannot reach …’. */
  what: string
  /** What a user hands over for a URL: the variable first, the key of readiness.config.yaml in brackets. */
  handOver: string
}

export const CAPABILITIES: Readonly<Record<Capability, CapabilityInfo>> = {
  http: {
    what: 'the HTTP API',
    handOver: 'CONMAN_BASE_URL, CONMAN_ADMIN_EMAIL and CONMAN_ADMIN_PASSWORD_FILE (url, admin)',
  },
  repositories: {
    what: 'git repositories for the apps that are made',
    handOver:
      'CONMAN_REPOS, repositories with a commit on main, separated by commas (repos), or CONMAN_HOOK_REPO_CREATE (hooks.repo-create)',
  },
  mongo: {
    what: 'the database',
    handOver: 'CONMAN_MONGO_URI of a read-only user, and CONMAN_MONGO_DB where it is not ‘conman’ (mongo)',
  },
  'git-storage': {
    what: 'the folder with the git repositories',
    handOver: 'CONMAN_GIT_STORAGE, where it can be read from here (git_storage)',
  },
  logs: {
    what: 'the logs of the server',
    handOver: 'CONMAN_LOG_FILE, or CONMAN_LOG_COMMAND, a command that prints them (logs)',
  },
  outbox: { what: 'the mails that it would send', handOver: 'CONMAN_OUTBOX_FILE, where it writes them (outbox_file)' },
  effects: {
    what: 'the ledger of what its deployments really did',
    handOver:
      'CONMAN_SERVER_CMD: a Conman that the harness starts itself (command), with the deploy command of the stack',
  },
  'jwt-secret': {
    what: 'the secret that signs its tokens',
    handOver: 'CONMAN_JWT_SECRET_FILE, a file that holds it (jwt_secret_file)',
  },
  configuration: {
    what: 'its configuration, to start it with another one',
    handOver: 'CONMAN_SERVER_CMD: a Conman that the harness starts itself (command)',
  },
  prometheus: { what: 'a Prometheus that scrapes it', handOver: 'CONMAN_PROMETHEUS_URL (prometheus)' },
  source: { what: 'its source', handOver: 'CONMAN_SOURCE, a folder (source)' },
  'network-control': {
    what: 'a Toxiproxy in front of its git backend',
    handOver: 'CONMAN_TOXIPROXY_URL, and the names of its proxies (toxiproxy)',
  },
  'mongo-partition': {
    what: 'a switch on the way of each of its processes to MongoDB',
    handOver:
      'CONMAN_TOXIPROXY_URL with a proxy each on the way of the API and of the worker to MongoDB (toxiproxy.proxies); for a program that the harness starts: one whose MongoDB driver takes proxyHost and proxyPort',
  },
  'worker-control': {
    what: 'a way to kill the worker and start it again',
    handOver: 'CONMAN_HOOK_WORKER_KILL and CONMAN_HOOK_WORKER_START (hooks.worker-kill, hooks.worker-start)',
  },
  'api-control': {
    what: 'a way to kill the API and start it again',
    handOver: 'CONMAN_HOOK_API_KILL and CONMAN_HOOK_API_START (hooks.api-kill, hooks.api-start)',
  },
  'git-control': {
    what: 'a way to stop the git backend and start it again',
    handOver: 'CONMAN_HOOK_GIT_STOP and CONMAN_HOOK_GIT_START (hooks.git-stop, hooks.git-start)',
  },
  'mongo-stepdown': {
    what: 'a way to make the primary step down',
    handOver: 'CONMAN_HOOK_MONGO_STEPDOWN (hooks.mongo-stepdown)',
  },
  'mongo-control': {
    what: 'a way to stop the database and start it again',
    handOver: 'CONMAN_HOOK_MONGO_STOP and CONMAN_HOOK_MONGO_START (hooks.mongo-stop, hooks.mongo-start)',
  },
  processes: {
    what: 'each of its processes and of those that it stands on, to kill, freeze and start it alone',
    handOver: 'CONMAN_SERVER_CMD: a Conman that the harness starts itself (command)',
  },
}

export const ALL_CAPABILITIES = Object.keys(CAPABILITIES) as Capability[]
