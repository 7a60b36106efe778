/** Invites: how somebody becomes a member. The token goes out by mail and works once. */
import { randomBytes } from 'node:crypto'
import { ObjectId } from 'mongodb'
import { hashPassword, requireAcceptablePassword } from '../auth/passwords.ts'
import { MAX_EMAIL_LENGTH, normaliseEmail, type Session, toUser } from '../auth/service.ts'
import type { Caller, Origin, User } from '../http/context.ts'
import { ApiError, conflict, notFound, validation } from '../http/errors.ts'
import { recordJoined } from '../members/service.ts'
import type { AppDocument, InviteDocument } from '../mongo/documents.ts'
import { isDuplicateKey } from '../mongo/store.ts'
import type { Role } from '../roles.ts'
import type { Services } from '../services.ts'

export interface InviteService {
  create(caller: Caller, app: AppDocument, email: string, role: Role): Promise<unknown>
  resend(caller: Caller, app: AppDocument, inviteId: ObjectId): Promise<unknown>
  revoke(caller: Caller, app: AppDocument, inviteId: ObjectId): Promise<void>
  accept(origin: Origin, token: string, name: string, password: string): Promise<Session>
}

const DAY_MS = 86_400_000
const EMAIL = /^[^\s@]+@[^\s@]+$/
const MAX_NAME_LENGTH = 200

const invalidInvite = () => new ApiError('invite_invalid', 'the invite is unknown, used or revoked')

export function createInviteService(services: Services): InviteService {
  const { data, causality } = services.store

  function expiry(): Date {
    return new Date(Date.now() + services.config.inviteExpiryDays * DAY_MS)
  }

  async function mail(app: AppDocument, invite: InviteDocument): Promise<void> {
    await services.outbox.enqueue([
      {
        userId: null,
        recipient: invite.email,
        appId: app._id,
        eventType: 'invite',
        subject: `[${app.name}] Invitation: ${invite.role}`,
        body: `You are invited to ${app.name} as ${invite.role}.\nToken: ${invite.token}\n`,
      },
    ])
  }

  async function recordInvite(
    origin: Origin,
    actor: User,
    invite: InviteDocument,
    action: string,
    before: unknown = null,
  ): Promise<void> {
    const { email, role, expires_at } = invite
    await services.audit.record(origin, {
      appId: invite.app_id,
      actor,
      entityType: 'invite',
      entityId: invite._id.toHexString(),
      action,
      before,
      after: action === 'revoked' ? null : { email, role, expires_at: expires_at.toISOString() },
    })
  }

  /** The account that an invite is accepted with: the known one against its password, or a new one. */
  async function accountFor(invite: InviteDocument, name: string, password: string): Promise<User> {
    const now = new Date()
    const user = {
      _id: new ObjectId(),
      email: invite.email,
      password_hash: await hashPassword(password, services.config.argon2),
      name,
      created_at: now,
      updated_at: now,
      tokens_valid_after: null,
    }
    try {
      await data.users.insertOne(user)
    } catch (error) {
      throw isDuplicateKey(error) ? conflict('an account with this e-mail has just been created') : error
    }
    return toUser(user)
  }

  return {
    async create(caller, app, givenEmail, role) {
      const email = normaliseEmail(givenEmail)
      if (!EMAIL.test(email) || email.length > MAX_EMAIL_LENGTH) throw validation('email must be an e-mail address')
      const known = await data.users.findOne({ email }, { projection: { _id: 1 } })
      if (known !== null && (await data.app_memberships.findOne({ app_id: app._id, user_id: known._id })) !== null) {
        throw conflict('already a member')
      }
      const invite: InviteDocument = {
        _id: new ObjectId(),
        app_id: app._id,
        email,
        role,
        token: randomBytes(32).toString('base64url'),
        invited_by: caller.user.id,
        expires_at: expiry(),
        accepted_at: null,
        created_at: new Date(),
      }
      try {
        // One invite for each e-mail: the accepted one of a former member makes room, a pending one does not.
        await data.invites.deleteOne({ app_id: app._id, email, accepted_at: { $ne: null } })
        await data.invites.insertOne(invite)
      } catch (error) {
        throw isDuplicateKey(error) ? conflict('there is an unaccepted invite for this e-mail; resend it') : error
      }
      await mail(app, invite)
      await recordInvite(caller, caller.user, invite, 'created')
      return presentInvite(invite)
    },

    async resend(caller, app, inviteId) {
      const before = await data.invites.findOne({ _id: inviteId, app_id: app._id })
      if (before === null) throw notFound('invite', inviteId.toHexString())
      const invite = await data.invites.findOneAndUpdate(
        { _id: inviteId, app_id: app._id, accepted_at: null },
        { $set: { expires_at: expiry() } },
        { returnDocument: 'after' },
      )
      if (invite === null) throw new ApiError('invite_invalid', 'the invite has been accepted')
      await mail(app, invite)
      await recordInvite(caller, caller.user, invite, 'resent', { expires_at: before.expires_at.toISOString() })
      return presentInvite(invite)
    },

    async revoke(caller, app, inviteId) {
      const invite = await data.invites.findOneAndDelete({ _id: inviteId, app_id: app._id, accepted_at: null })
      if (invite !== null) {
        await recordInvite(caller, caller.user, invite, 'revoked', { email: invite.email, role: invite.role })
        return
      }
      const accepted = await data.invites.findOne({ _id: inviteId, app_id: app._id })
      if (accepted === null) throw notFound('invite', inviteId.toHexString())
      throw new ApiError('invite_invalid', 'the invite has been accepted')
    },

    async accept(origin, token, givenName, password) {
      const name = givenName.trim()
      if (token.trim() === '' || name === '') throw validation('token and name must not be blank')
      if (name.length > MAX_NAME_LENGTH) throw validation(`name must be at most ${MAX_NAME_LENGTH} characters long`)
      requireAcceptablePassword(password)

      const invite = await data.invites.findOne({ token })
      if (invite === null || invite.accepted_at !== null) throw invalidInvite()
      if (invite.expires_at <= new Date()) throw new ApiError('invite_expired', 'the invite has expired')

      const beganMs = Date.now()
      const known = await data.users.findOne({ email: invite.email })
      if (known !== null) {
        // Holding an invite is no proof of holding the account.
        const owner = await services.auth.checkPassword(invite.email, password)
        if (owner === undefined) throw new ApiError('invalid_credentials', 'unauthorized: invalid_credentials')
        if ((await data.app_memberships.findOne({ user_id: known._id, app_id: invite.app_id })) !== null) {
          throw conflict('already a member')
        }
      }
      const claimed = await data.invites.updateOne(
        { _id: invite._id, accepted_at: null, expires_at: { $gt: new Date() } },
        { $set: { accepted_at: new Date() } },
      )
      if (claimed.matchedCount === 0) throw invalidInvite()
      try {
        const user = known === null ? await accountFor(invite, name, password) : toUser(known)
        const membership = {
          _id: new ObjectId(),
          user_id: user.id,
          app_id: invite.app_id,
          role: invite.role,
          created_at: new Date(),
        }
        await causality.write(user.id.toHexString(), (session) =>
          data.app_memberships.insertOne(membership, { session }),
        )
        await recordInvite(origin, user, invite, 'accepted')
        await recordJoined(services, origin, user, membership)
        return await services.auth.session(user, beganMs)
      } catch (error) {
        // Not accepted after all: the invite stays usable.
        await data.invites.updateOne({ _id: invite._id }, { $set: { accepted_at: null } })
        throw isDuplicateKey(error) ? conflict('already a member') : error
      }
    },
  }
}

function presentInvite({ _id, ...invite }: InviteDocument) {
  return { id: _id, ...invite }
}
