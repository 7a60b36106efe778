/**
 * Workers that do not notice that somebody else has their job: what they find out while the other is still at it counts for
 * nothing. The tests are the workers; nothing stops the first one but the fencing number.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CommandFailure } from '../jobs/command.ts'
import { type ClaimedJob, type JobContext, type JobHandler, originOfJob } from '../jobs/handler.ts'
import type { JobDocument, JobType } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { type ReleaseFlow, releaseFlow } from '../test/release-flow.ts'
import { openServices } from '../test/services.ts'
import { createWorld, HAS_PARTS, idOf, type Person, type World } from '../test/world.ts'

const HELD_BACK = ['release_assemble', 'revalidate_queued_changeset', 'deploy_release'] as const

describe.skipIf(!HAS_PARTS)('a worker that has lost its job', () => {
  let world: World
  let flow: ReleaseFlow
  let services: Services & AsyncDisposable
  let author: Person
  let manager: Person

  beforeAll(async () => {
    world = await createWorld()
    services = await openServices(world.env)
    ;[author, manager] = await Promise.all([world.person('user'), world.person('config_manager')])
    flow = releaseFlow(world, manager)
  })
  afterEach(() => pauses().deleteMany({}))
  afterAll(async () => {
    await services?.[Symbol.asyncDispose]()
    await world?.[Symbol.asyncDispose]()
  })

  const pauses = () => world.db.collection<{ _id: string }>('job_pauses')
  const holdBack = () => pauses().insertMany(HELD_BACK.map((_id) => ({ _id })))
  const jobOf = async (entity: string, job_type: JobType) =>
    (await world.db.collection<JobDocument>('jobs').findOne({ entity_id: entity, job_type })) as JobDocument
  const audits = async (entity: string) =>
    (await world.db.collection('audit_events').find({ entity_id: entity, actor_user_id: null }).toArray()).map(
      ({ action }) => action,
    )

  /** The deployments that have been counted here, by outcome. */
  async function counted(): Promise<[unknown, number][]> {
    const metric = await services.metrics.registry.getSingleMetric('conman_deployments_total')?.get()
    return (metric?.values ?? []).map(({ labels, value }) => [labels.outcome, value])
  }

  function contextOf(job: JobDocument, fence: number): JobContext {
    const claimed: ClaimedJob = { ...job, fence, attempts: fence }
    const origin = originOfJob(job, performance.now() + 60_000)
    return { job: claimed, signal: new AbortController().signal, origin, log: () => undefined }
  }

  /**
   * Runs attempt 1 up to its command, then attempt 2 up to its own, then lets 1 come to its end, and then 2. The first one's
   * command ends as said, the second one's well.
   */
  async function overtaken(job: JobDocument, first: 'passes' | 'fails') {
    const handler = services.jobHandlers[job.job_type as JobType] as JobHandler
    const [firstAtIt, secondAtIt, firstDone] = [1, 2, 3].map(() => Promise.withResolvers<void>())
    services.commands = async ({ job: { fence } }, { phase, command }) => {
      const ok = { status: 'ok' as const, phase, command, exit_code: 0 as const, stdout: `by ${fence}`, stderr: '' }
      if (fence === 2) {
        secondAtIt?.resolve()
        await firstDone?.promise
        return ok
      }
      firstAtIt?.resolve()
      await secondAtIt?.promise
      if (first === 'fails') throw new CommandFailure('red', 3, '')
      return ok
    }
    const one = handler.run(contextOf(job, 1)).catch((error: unknown) => error)
    await firstAtIt?.promise
    const two = handler.run(contextOf(job, 2))
    const outcome = await one
    // Somebody gives up on the first attempt, too.
    await handler.settle?.(contextOf(job, 1), { outcome: 'failed', problem: 'given up' })
    firstDone?.resolve()
    return { first: outcome, second: await two }
  }

  test.each(['passes', 'fails'] as const)('composes in vain: its suite %s', async (first) => {
    const changesets = [await world.changeset(author, 'queued'), await world.changeset(author, 'queued')]
    const url = await flow.draft(...changesets)
    await holdBack()
    expect((await manager.send('POST', `${url}/assemble`)).status).toBe(200)
    const outcome = await overtaken(await jobOf(idOf(url), 'release_assemble'), first)
    expect(outcome.first).toBeInstanceOf(Error)
    expect(outcome.second).toMatchObject({ status: 'validated' })
    expect(await flow.release(url)).toMatchObject({ state: 'validated', job_fence: 2 })
    for (const one of changesets) expect((await flow.changeset(one)).state).toBe('queued')
    expect(await audits(idOf(url))).toEqual(['validated'])
    await pauses().deleteMany({})
    expect((await flow.publish(url)).status).toBe(200)
  })

  test.each(['passes', 'fails'] as const)('revalidates in vain: its suite %s', async (first) => {
    const [taken, left] = [await world.changeset(author, 'queued'), await world.changeset(author, 'queued')]
    const url = await flow.validated(taken)
    await holdBack()
    expect((await flow.publish(url)).status).toBe(200)
    const outcome = await overtaken(await jobOf(idOf(left), 'revalidate_queued_changeset'), first)
    expect(outcome.first).toMatchObject({ status: 'skipped', reason: 'superseded' })
    expect(outcome.second).toMatchObject({ status: 'revalidated' })
    expect(await flow.changeset(left)).toMatchObject({
      state: 'queued',
      last_revalidation_status: 'valid',
      revalidating: { fence: 2 },
    })
    expect(await audits(idOf(left))).toEqual(['revalidated'])
  })

  test.each(['passes', 'fails'] as const)('deploys in vain: its command %s', async (first) => {
    const [environment = ''] = await flow.environments()
    const url = await flow.published(await world.changeset(author, 'queued'))
    await flow.deployed(environment, url)
    await holdBack()
    const started = await flow.deploy(environment, url)
    expect(started.status).toBe(201)
    const { id } = started.body.data.deployment
    const before = await counted()
    const outcome = await overtaken(await jobOf(id, 'deploy_release'), first)
    expect(outcome.first).toBeInstanceOf(Error)
    expect(outcome.second).toMatchObject({ status: 'deployed', executor: { stdout: 'by 2' } })
    expect(await flow.deployment(id)).toMatchObject({
      state: 'succeeded',
      active: false,
      executor: { stdout: 'by 2' },
      job_fence: 2,
    })
    expect(await audits(id)).toEqual(['succeeded'])
    const gained = (await counted()).map(([outcome, value], index) => [outcome, value - (before[index]?.[1] ?? 0)])
    expect(gained).toEqual([
      ['succeeded', 1],
      ['failed', 0],
      ['canceled', 0],
    ])
  })
})
