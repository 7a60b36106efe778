/** In whose name a job commits: whoever asked for it. */
import { ObjectId } from 'mongodb'
import type { User } from '../http/context.ts'
import type { Services } from '../services.ts'

/** For what nobody asked for, and for somebody whose account is gone. */
const CONMAN: User = { id: new ObjectId('0'.repeat(24)), email: 'conman@localhost', name: 'Conman' }

export async function committer(services: Services, userId: ObjectId | null): Promise<User> {
  const user = userId === null ? undefined : await services.store.lookups.user(userId)
  return user === undefined ? CONMAN : { id: user._id, email: user.email, name: user.name }
}
