/**
 * A changeset that makes the profile say what the environment has: one override for each environment variable that the newest
 * drift check found different. What cannot be taken over by itself, secrets above all, is named in the description.
 */
import { randomBytes } from 'node:crypto'
import type { ObjectId } from 'mongodb'
import { presentChangeset } from '../changesets/present.ts'
import type { Caller } from '../http/context.ts'
import { conflict } from '../http/errors.ts'
import type { AppDocument, EnvironmentDocument, EnvValue, JobDocument, WorkspaceDocument } from '../mongo/documents.ts'
import { MAX_OVERRIDES } from '../overrides/service.ts'
import { envKeyProblem } from '../profiles/env-vars.ts'
import type { Services } from '../services.ts'
import { type Difference, isSecret } from './drift.ts'
import { environmentOf } from './environment.ts'

export interface DriftFixInput {
  title: string | null
  workspaceId: string | null
}

export interface DriftFix {
  createDriftFix(caller: Caller, app: AppDocument, environmentId: string, input: DriftFixInput): Promise<unknown>
}

export function createDriftFix(services: Services): DriftFix {
  const { causality } = services.store

  /** The check that says what is different, and of which profile. */
  async function failedCheck(
    app: AppDocument,
    environment: EnvironmentDocument,
  ): Promise<{ job: JobDocument; profileId: ObjectId }> {
    const profileId = environment.runtime_profile_id
    if (profileId === null) throw conflict('the environment has no runtime profile')
    const job = await services.jobs.newest(app._id, 'runtime_profile_drift_check', environment._id.toHexString())
    if (job?.state !== 'failed') {
      throw conflict(`the newest drift check of the environment has not failed; it is ${job?.state ?? 'missing'}`)
    }
    if (job.payload.profile_id !== profileId.toHexString()) {
      throw conflict('the newest drift check of the environment was of another profile')
    }
    return { job, profileId }
  }

  /** One of its own, so that an open changeset elsewhere is not in the way. */
  async function beginWorkspace(caller: Caller, app: AppDocument, title: string): Promise<WorkspaceDocument> {
    const branchName = `ws/${caller.user.id.toHexString()}/drift-fix-${randomBytes(4).toString('hex')}`
    return services.workspaces.begin(caller, app, { title, branchName })
  }

  return {
    async createDriftFix(caller, app, environmentId, input) {
      const environment = await environmentOf(services, app, environmentId)
      const given = input.workspaceId && (await services.workspaces.owned(caller, app, input.workspaceId))
      const { job, profileId } = await failedCheck(app, environment)
      const title = input.title?.trim() || `Drift fix: ${environment.name}`
      const differences = (job.result?.differences ?? []) as Difference[]
      const target_profile_id = profileId.toHexString()
      const takenOver = differences.filter(canBeTakenOver).slice(0, MAX_OVERRIDES)
      const overrides = takenOver.map(({ key, actual }) => ({ key, value: typed(actual), target_profile_id }))
      const set = await services.overrides.check(app, overrides)

      const workspace = given || (await beginWorkspace(caller, app, title))
      const changeset = await services.changesets.create(caller, app, {
        workspaceId: workspace._id.toHexString(),
        title,
        description: describe(environment, differences, takenOver),
        occasion: { origin: 'drift_fix', environment_id: environment._id, environment: environment.name },
      })
      const rows = await causality.transaction(caller.user.id.toHexString(), (session) =>
        services.overrides.store(changeset, set, session),
      )
      return {
        changeset: presentChangeset(changeset),
        profile_overrides: services.overrides.present(rows),
        job_id: job._id,
      }
    },
  }
}

/** A variable that the environment has no more cannot be said by an override. */
function canBeTakenOver({ field, key, actual }: Difference, index: number, all: readonly Difference[]): boolean {
  const isFirst = all.findIndex((one) => one.field === field && one.key === key) === index
  return /^env_vars?$/.test(field) && envKeyProblem(key) === undefined && actual != null && isFirst
}

function typed(actual: unknown): EnvValue {
  if (typeof actual === 'string') return { type: 'string', value: actual }
  if (typeof actual === 'number') return { type: 'number', value: actual }
  if (typeof actual === 'boolean') return { type: 'boolean', value: actual }
  return { type: 'json', value: actual }
}

function describe(
  environment: EnvironmentDocument,
  differences: readonly Difference[],
  takenOver: readonly Difference[],
): string {
  const left = differences.filter((one) => !takenOver.includes(one))
  const names = (some: readonly Difference[]) => [...new Set(some.map(({ field, key }) => `- ${field}: ${key}`))]
  const lines = [
    `Takes over what ${environment.name} has and its runtime profile does not say.`,
    ...section('Secrets that differ, to be set in the profile by hand:', names(left.filter(isSecret))),
    ...section('Other differences, to be looked at by hand:', names(left.filter((one) => !isSecret(one)))),
  ]
  return lines.join('\n').slice(0, MAX_DESCRIPTION_LENGTH)
}

const MAX_DESCRIPTION_LENGTH = 10_000

function section(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', heading, ...lines]
}
