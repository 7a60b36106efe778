/** The routes of runtime profiles, their secrets and their history. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { ObjectId } from 'mongodb'
import { Type } from 'typebox'
import { appOf, callerOf } from '../auth/gate.ts'
import type { Caller } from '../http/context.ts'
import { AppParams, objectId } from '../http/identifiers.ts'
import { PageQuery, pageOf } from '../http/pagination.ts'
import { dataOf, Id, Moment, pageOfRows } from '../http/schemas.ts'
import type { AppDocument } from '../mongo/documents.ts'
import type { Services } from '../services.ts'
import { fieldsOf, NewProfileBody, ProfileChangesBody } from './input.ts'
import { Profile, ProfileRevision, presentProfile } from './present.ts'

const URL = '/api/apps/:appId/runtime-profiles'

const ProfileParams = Type.Object({ appId: Type.String(), profileId: Type.String() })
const SecretParams = Type.Object({ ...ProfileParams.properties, key: Type.String() })

const Secret = Type.Object({ key: Type.String(), value: Type.String() })

const Rotated = Type.Object({
  profile_id: Id,
  key_id: Type.String(),
  secrets_rotated: Type.Integer({ minimum: 0 }),
  revisions_rotated: Type.Integer({ minimum: 0 }),
  rotated_at: Moment,
})

export const profileRoutes: FastifyPluginAsyncTypebox<{ services: Services }> = async (server, { services }) => {
  /** Who asks for what: the first arguments of all that is done with one profile. */
  function subject(request: FastifyRequest): [Caller, AppDocument, ObjectId] {
    const { profileId } = request.params as { profileId: string }
    return [callerOf(request, services), appOf(request), objectId(profileId, 'profile id')]
  }

  server.get(
    URL,
    {
      config: {
        role: 'user',
        summary: 'List runtime profiles, secrets masked.',
        answers: { 200: dataOf(Type.Array(Profile)) },
      },
      schema: { params: AppParams },
    },
    async (request) => ({ data: await services.profiles.list(callerOf(request, services), appOf(request)) }),
  )

  server.post(
    URL,
    {
      config: { role: 'app_admin', summary: 'Create a runtime profile.', answers: { 201: dataOf(Profile) } },
      schema: { params: AppParams, body: NewProfileBody },
    },
    async (request, reply) => {
      const { kind } = request.body
      const input = { ...fieldsOf(request.body), kind }
      const profile = await services.profiles.create(callerOf(request, services), appOf(request), input)
      reply.code(201)
      return { data: presentProfile(services.secrets, profile) }
    },
  )

  server.get(
    `${URL}/:profileId`,
    {
      config: { role: 'user', summary: 'Read a runtime profile, secrets masked.', answers: { 200: dataOf(Profile) } },
      schema: { params: ProfileParams },
    },
    async (request) => {
      const profile = await services.profiles.get(...subject(request))
      return { data: presentProfile(services.secrets, profile) }
    },
  )

  server.patch(
    `${URL}/:profileId`,
    {
      config: {
        role: 'app_admin',
        summary: 'Change a profile; a map takes the place of the whole present one, what is absent or null stays.',
        answers: { 200: dataOf(Profile) },
      },
      schema: { params: ProfileParams, body: ProfileChangesBody },
    },
    async (request) => {
      const profile = await services.profiles.update(...subject(request), fieldsOf(request.body))
      return { data: presentProfile(services.secrets, profile) }
    },
  )

  server.post(
    `${URL}/:profileId/secrets/:key/reveal`,
    {
      config: { role: 'app_admin', summary: 'Read a secret in clear; recorded.', answers: { 200: dataOf(Secret) } },
      schema: { params: SecretParams },
    },
    async (request, reply) => {
      const secret = await services.profiles.reveal(...subject(request), request.params.key)
      reply.header('cache-control', 'no-store')
      return { data: secret }
    },
  )

  server.get(
    `${URL}/:profileId/revisions`,
    {
      config: {
        role: 'user',
        summary: 'List the revisions of a profile, newest first, secrets masked.',
        answers: { 200: pageOfRows(ProfileRevision) },
      },
      schema: { params: ProfileParams, querystring: PageQuery },
    },
    async (request) => services.profiles.revisions(...subject(request), pageOf(request.query)),
  )

  server.post(
    `${URL}/:profileId/revert`,
    {
      config: {
        role: 'app_admin',
        summary: "Make an earlier revision's content the newest one.",
        answers: { 200: dataOf(Profile) },
      },
      schema: { params: ProfileParams, body: Type.Object({ revision: Type.Integer({ minimum: 1 }) }) },
    },
    async (request) => {
      const profile = await services.profiles.revert(...subject(request), request.body.revision)
      return { data: presentProfile(services.secrets, profile) }
    },
  )

  server.post(
    `${URL}/:profileId/rotate-key`,
    {
      config: {
        role: 'app_admin',
        summary: 'Encrypt the secrets of a profile and of its revisions under a new key.',
        answers: { 200: dataOf(Rotated) },
      },
      schema: { params: ProfileParams },
    },
    async (request) => ({ data: await services.profiles.rotateKey(...subject(request)) }),
  )
}
