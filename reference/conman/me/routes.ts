/** The routes of one's own preferences. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { callerOf } from '../auth/gate.ts'
import { DATES, dataOf, Id } from '../http/schemas.ts'
import type { NotificationPreferenceDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'

const URL = '/api/me/notification-preferences'

const Preferences = Type.Object({ id: Id, user_id: Id, email_enabled: Type.Boolean(), ...DATES })

function presentPreferences(preferences: NotificationPreferenceDocument) {
  const { _id: id, user_id, email_enabled, created_at, updated_at } = preferences
  return { id, user_id, email_enabled, created_at, updated_at }
}

export const meRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  server.get(
    URL,
    { config: { summary: 'Whether one gets mails.', answers: { 200: dataOf(Preferences) } } },
    async (request) => ({ data: presentPreferences(await services.preferences.get(callerOf(request, services))) }),
  )

  server.patch(
    URL,
    {
      config: { summary: 'Say whether one wants mails.', answers: { 200: dataOf(Preferences) } },
      schema: { body: Type.Object({ email_enabled: Type.Boolean() }) },
    },
    async (request) => {
      const caller = callerOf(request, services)
      return { data: presentPreferences(await services.preferences.change(caller, request.body.email_enabled)) }
    },
  )
}
