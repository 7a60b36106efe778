// What the listing scenarios stand on: an app with queued changesets among others, and the people who list them.

import type { Run } from '../../harness/run.ts'
import type { App, Session } from '../../harness/target/conman.ts'
import { seedListingOverHttp } from './over-http.ts'
import { VOLUME } from './shape.ts'
import { seedVolume } from './volume.ts'

export interface ListingFixture {
  app: App
  /** For looking beside the load: none of the readers, whose rate limits the load uses up. */
  adminToken: string
  readers: Session[]
  /** Ids of the queued changesets. */
  queued: string[]
  /** Changesets in all. */
  stored: number
  made_over: 'database' | 'http'
  /** What the specified volume has and this one does not. */
  missing: string[]
}

export async function seedListing(run: Run): Promise<ListingFixture> {
  if (run.seedOver === 'http' || run.target.fixtures === undefined) return seedListingOverHttp(run)
  const { apps, listing } = await seedVolume(run)
  const { admin, conman } = run.target
  return {
    app: listing.app,
    adminToken: (await conman.login(admin.email, admin.password)).token,
    readers: listing.members.slice(0, VOLUME.people),
    queued: listing.changesets.filter(({ state }) => state === 'queued').map(({ id }) => id),
    stored: apps.reduce((sum, { changesets }) => sum + changesets.length, 0),
    made_over: 'database',
    missing: [],
  }
}
