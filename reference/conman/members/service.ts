/** Who has which role on an app. An app always keeps at least one app_admin. */
import { type ClientSession, ObjectId } from 'mongodb'
import type { Caller } from '../http/context.ts'
import { conflict, notFound } from '../http/errors.ts'
import type { AppDocument, MembershipDocument, UserDocument } from '../mongo/documents.ts'
import type { Role } from '../roles.ts'
import type { Services } from '../services.ts'

export interface Member {
  user_id: ObjectId
  app_id: ObjectId
  role: Role
  created_at: Date
  email: string | null
  name: string | null
}

export interface MemberService {
  list(caller: Caller, app: AppDocument): Promise<Member[]>
  /** Gives a user a role, as a new member or instead of the role held; `created` tells which. */
  assign(caller: Caller, app: AppDocument, userId: ObjectId, role: Role): Promise<{ member: Member; created: boolean }>
  /** Changes the role of somebody who is a member already. */
  changeRole(caller: Caller, app: AppDocument, userId: ObjectId, role: Role): Promise<Member>
}

export function createMemberService(services: Services): MemberService {
  const { data, lists, causality } = services.store

  async function replaceRole(
    caller: Caller,
    app: AppDocument,
    held: MembershipDocument,
    role: Role,
    session: ClientSession,
  ): Promise<void> {
    const lowersAdmin = held.role === 'app_admin' && role !== 'app_admin'
    if (lowersAdmin) await requireAnotherAdmin(app, held.user_id)
    const { matchedCount } = await data.app_memberships.updateOne(
      { _id: held._id, role: held.role },
      { $set: { role } },
      { session },
    )
    if (matchedCount === 0) throw conflict('the role has just been changed by somebody else')
    if (lowersAdmin && (await countAdmins(app)) === 0) {
      // Two admins lowered each other at the same moment; nobody would be left to undo it.
      await data.app_memberships.updateOne({ _id: held._id }, { $set: { role: held.role } }, { session })
      throw conflict('an app keeps at least one app_admin')
    }
    await services.audit.record(caller, {
      appId: app._id,
      actor: caller.user,
      entityType: 'membership',
      entityId: membershipId(app, held.user_id),
      action: 'role_changed',
      before: { role: held.role },
      after: { role },
    })
  }

  async function requireAnotherAdmin(app: AppDocument, userId: ObjectId): Promise<void> {
    const another = { app_id: app._id, role: 'app_admin' as const, user_id: { $ne: userId } }
    const others = await data.app_memberships.countDocuments(another, { limit: 1 })
    if (others === 0) throw conflict('an app keeps at least one app_admin')
  }

  async function countAdmins(app: AppDocument): Promise<number> {
    return data.app_memberships.countDocuments({ app_id: app._id, role: 'app_admin' })
  }

  return {
    async list(caller, app) {
      return causality.read(caller.user.id.toHexString(), async (session) => {
        const members = await lists.app_memberships
          .find({ app_id: app._id }, { session })
          .sort({ created_at: 1 })
          .toArray()
        const ids = members.map(({ user_id }) => user_id)
        const users = await lists.users
          .find({ _id: { $in: ids } }, { session, projection: { email: 1, name: 1 } })
          .toArray()
        const byId = new Map(users.map((user) => [user._id.toHexString(), user]))
        return members.map((member) => presentMember(member, byId.get(member.user_id.toHexString())))
      })
    },

    async assign(caller, app, userId, role) {
      const user = await data.users.findOne({ _id: userId })
      if (user === null) throw notFound('user', userId.toHexString())
      return causality.write(caller.user.id.toHexString(), async (session) => {
        const membership: MembershipDocument = {
          _id: new ObjectId(),
          user_id: userId,
          app_id: app._id,
          role,
          created_at: new Date(),
        }
        const held = await data.app_memberships.findOneAndUpdate(
          { user_id: userId, app_id: app._id },
          { $setOnInsert: membership },
          { upsert: true, returnDocument: 'before', session },
        )
        if (held === null) {
          await recordJoined(services, caller, caller.user, membership)
          return { member: presentMember(membership, user), created: true }
        }
        if (held.role !== role) await replaceRole(caller, app, held, role, session)
        return { member: presentMember({ ...held, role }, user), created: false }
      })
    },

    async changeRole(caller, app, userId, role) {
      const [user, held] = await Promise.all([
        data.users.findOne({ _id: userId }),
        data.app_memberships.findOne({ user_id: userId, app_id: app._id }),
      ])
      if (held === null) throw notFound('member', userId.toHexString())
      if (held.role !== role) {
        await causality.write(caller.user.id.toHexString(), (session) => replaceRole(caller, app, held, role, session))
      }
      return presentMember({ ...held, role }, user)
    },
  }
}

export async function recordJoined(
  services: Services,
  origin: Parameters<Services['audit']['record']>[0],
  actor: Caller['user'],
  membership: MembershipDocument,
): Promise<void> {
  await services.audit.record(origin, {
    appId: membership.app_id,
    actor,
    entityType: 'membership',
    entityId: membershipId({ _id: membership.app_id }, membership.user_id),
    action: 'created',
    after: { role: membership.role },
  })
}

function membershipId(app: Pick<AppDocument, '_id'>, userId: ObjectId): string {
  return `${app._id.toHexString()}:${userId.toHexString()}`
}

function presentMember(
  { user_id, app_id, role, created_at }: MembershipDocument,
  user: Pick<UserDocument, 'email' | 'name'> | null | undefined,
): Member {
  return { user_id, app_id, role, created_at, email: user?.email ?? null, name: user?.name ?? null }
}
