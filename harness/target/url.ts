// A Conman that runs somewhere: what the user hands over decides what can be reached. Each thing is tried once before
// anything else is done, and what cannot be used ends here, in one line: a slip of the fingers must not silently make a run
// smaller. Nothing is started, and nothing is done to the target but what its API offers.

import { UsageError } from '../errors.ts'
import { Redactor } from '../evidence/redact.ts'
import { accessTo } from './access.ts'
import { auditFromMongo, auditFromRoute } from './audit.ts'
import { demandPrometheus, demandToxiproxy } from './beside.ts'
import { Conman } from './conman.ts'
import { DatabaseWitness, secretsOfUri } from './database.ts'
import { demandConman, demandLogin, fingerprintOf } from './first-look.ts'
import { Hooks } from './hooks.ts'
import { HttpClient } from './http.ts'
import { hasSigned } from './jwt-secret.ts'
import { tapLog } from './logs.ts'
import type { Opening } from './open.ts'
import type { UrlOptions } from './options.ts'
import { Repositories } from './repositories.ts'
import { DEFAULT_LOAD_BOUNDS, type HandedOver, type Target } from './target.ts'
import { UserPrograms } from './user-program.ts'

export async function openUrl(options: UrlOptions, { progress, signal }: Opening): Promise<Target> {
  const { baseUrl, adminEmail, adminPassword, toxiproxy, prometheusUrl } = options
  await using undo = new AsyncDisposableStack()
  const http = undo.use(new HttpClient(baseUrl, { ca: options.ca?.pem }))
  const conman = new Conman(
    http,
    (seconds) => progress.update(`the target limits its rate: waiting ${seconds} s, as it asks`),
    signal,
  )
  progress.say(`target: ${baseUrl}${options.name === undefined ? '' : ` (${options.name})`}`)
  await demandConman(conman)
  const login_ms = await demandLogin(conman, { email: adminEmail, password: adminPassword })

  await demandSecret(conman, options)
  const database =
    options.mongo === undefined
      ? undefined
      : undo.use(await DatabaseWitness.open(options.mongo, adminEmail, givenBy(options, 'mongo.uri')))
  const proxies =
    toxiproxy && (await demandToxiproxy(toxiproxy, givenBy(options, 'toxiproxy.url'), signal, options.ca?.pem))
  if (prometheusUrl !== undefined) {
    await demandPrometheus(prometheusUrl, givenBy(options, 'prometheus'), signal, options.ca?.pem)
  }
  const redactor = new Redactor()
  secretsInto(options, redactor)
  const hasHooks = Object.keys(options.hooks).length > 0
  const programs = hasHooks || options.logs !== undefined ? undo.use(new UserPrograms()) : undefined
  const hooks = hasHooks ? new Hooks(options, programs!, redactor) : undefined
  const log = options.logs && (await tapLog(options.logs, givenBy(options, 'logs'), programs!, redactor, signal))
  const repositories = new Repositories(options, hooks, signal)
  const { capabilities, unreachable } = accessTo(options, proxies?.proxies)
  const owned = undo.move()
  return {
    kind: 'url',
    address: baseUrl,
    baseUrl,
    capabilities,
    unreachable,
    processes: null,
    allowed: options.consent?.allowed ?? 'reads',
    ...(options.consent === undefined ? {} : { consent: options.consent }),
    loadBounds: { ...DEFAULT_LOAD_BOUNDS, ...options.load },
    conman,
    admin: { email: adminEmail, password: adminPassword },
    gitStorage: options.gitStorage,
    ...(database === undefined ? {} : { database }),
    ...(hooks === undefined ? {} : { hooks }),
    ...(options.ca === undefined ? {} : { caFile: options.ca.file }),
    handedOver: handedOver(options, proxies),
    ...(options.mongo === undefined ? {} : { mongo: options.mongo }),
    settings: {},
    fixtures: undefined,
    fingerprint: () =>
      fingerprintOf(
        conman,
        {
          kind: 'url',
          address: baseUrl,
          capabilities: [...capabilities].sort(),
          settings: {},
          mongodb: database?.version ?? null,
        },
        login_ms,
      ),
    repositoryFor: (appName) => repositories.for(appName),
    explainRepository: (cause) => repositories.explain(cause),
    async fileWriteAudit(appId, adminToken) {
      if (database) return { source: 'mongo', commits: await auditFromMongo(database, appId) }
      const commits = await auditFromRoute(conman, adminToken, appId)
      return commits === null ? null : { source: 'http', commits }
    },
    copyLogs: async (copy) => await log?.copy(copy),
    recordInto: (sink) => hooks?.recordInto(sink),
    secretsInto: (into) => secretsInto(options, into),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** What the user set, by its name there. */
function givenBy(options: UrlOptions, key: string): string {
  return options.givenBy[key] ?? key
}

function secretsInto({ adminPassword, mongo, jwtSecret }: UrlOptions, redactor: Redactor): void {
  redactor.add(adminPassword, jwtSecret, mongo?.uri, ...(mongo === undefined ? [] : secretsOfUri(mongo.uri)))
}

function handedOver(
  { prometheusUrl, outboxFile, source, jwtSecret }: UrlOptions,
  toxiproxy: HandedOver['toxiproxy'],
): HandedOver {
  return {
    ...(toxiproxy === undefined ? {} : { toxiproxy }),
    ...(prometheusUrl === undefined ? {} : { prometheusUrl }),
    ...(outboxFile === undefined ? {} : { outboxFile }),
    ...(source === undefined ? {} : { source }),
    ...(jwtSecret === undefined ? {} : { jwtSecret }),
  }
}

/** With another server's secret every forged token is refused, and a check of forgeries would pass unearned. */
async function demandSecret(conman: Conman, options: UrlOptions): Promise<void> {
  if (options.jwtSecret === undefined) return
  const { token } = await conman.login(options.adminEmail, options.adminPassword)
  if (hasSigned(options.jwtSecret, token)) return
  throw new UsageError(
    `${givenBy(options, 'jwt_secret')} does not hold the secret that signs the target’s tokens`,
    'give the value of the target’s CONMAN_JWT_SECRET, or leave it out',
  )
}
