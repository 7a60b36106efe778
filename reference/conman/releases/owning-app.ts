/** The app that a job works for, or that a row belongs to. */
import type { ObjectId } from 'mongodb'
import type { AppDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

export async function owningApp(services: Services, { app_id }: { app_id: ObjectId }): Promise<AppDocument> {
  const app = await services.store.lookups.app(app_id)
  if (app === undefined) throw new Error('the app does not exist')
  return app
}
