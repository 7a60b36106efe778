/** A release's way from queued changesets to its environments, for tests: over HTTP, each step waited for. */
import { ObjectId } from 'mongodb'
import { expect } from 'vitest'
import type { Answer } from './server-process.ts'
import { idOf, type Person, type World } from './world.ts'

export interface ReleaseFlow {
  /** A draft with these changesets (their URLs); its URL. */
  draft(...changesets: string[]): Promise<string>
  /** The job of the assembly, when it has ended. */
  assembled(release: string): Promise<Answer['body']>
  validated(...changesets: string[]): Promise<string>
  published(...changesets: string[]): Promise<string>
  publish(release: string): Promise<Answer>
  /** As stored. */
  release(url: string): Promise<Answer['body']>
  changeset(url: string): Promise<Answer['body']>
  /** The environments' ids by position. */
  environments(): Promise<string[]>
  deploy(environment: string, release: string, more?: object, action?: 'deploy' | 'promote'): Promise<Answer>
  /** Opens the gates; the answer of the call that finds them open. */
  deployThroughGates(
    environment: string,
    release: string,
    more?: object,
    action?: 'deploy' | 'promote',
  ): Promise<Answer>
  /** Deployed, and waited for; the deployment as stored. */
  deployed(environment: string, release: string): Promise<Answer['body']>
  deployment(id: string): Promise<Answer['body']>
}

export function releaseFlow(world: World, manager: Person): ReleaseFlow {
  const { db, app } = world
  const byId = (collection: string, url: string) => db.collection(collection).findOne({ _id: new ObjectId(idOf(url)) })

  const flow: ReleaseFlow = {
    async draft(...changesets) {
      const made = await manager.send('POST', `${app}/releases`, { changeset_ids: changesets.map(idOf) })
      expect(made.status).toBe(201)
      return `${app}/releases/${made.body.data.id}`
    },
    async assembled(release) {
      const asked = await manager.send('POST', `${release}/assemble`)
      expect(asked.status).toBe(200)
      return world.job(asked.body.data.job.id)
    },
    async validated(...changesets) {
      const release = await flow.draft(...changesets)
      expect(await flow.assembled(release)).toMatchObject({ state: 'succeeded', error_message: null })
      return release
    },
    async published(...changesets) {
      const release = await flow.validated(...changesets)
      expect((await flow.publish(release)).status).toBe(200)
      return release
    },
    publish: (release) => manager.send('POST', `${release}/publish`),
    release: (url) => byId('release_batches', url),
    changeset: (url) => byId('changesets', url),
    async environments() {
      const found = await db
        .collection('environments')
        .find({ app_id: new ObjectId(world.appId) })
        .sort({ position: 1 })
        .toArray()
      return found.map(({ _id }) => _id.toHexString())
    },
    deploy: (environment, release, more = {}, action = 'deploy') =>
      manager.send('POST', `${app}/environments/${environment}/${action}`, { release_id: idOf(release), ...more }),
    async deployThroughGates(environment, release, more, action) {
      for (let round = 1; ; round += 1) {
        const answer = await flow.deploy(environment, release, more, action)
        const awaited = /job (?:enqueued|is \w+) \(([0-9a-f]{24})\)/.exec(answer.body.error?.message ?? '')?.[1]
        if (answer.status !== 409 || awaited === undefined || round > 5) return answer
        await world.job(awaited)
      }
    },
    async deployed(environment, release) {
      const answer = await flow.deployThroughGates(environment, release)
      expect(answer.status).toBe(201)
      expect(await world.job(answer.body.data.job.id)).toMatchObject({ state: 'succeeded' })
      return flow.deployment(answer.body.data.deployment.id)
    },
    deployment: (id) => byId('deployments', id),
  }
  return flow
}
