// An app and its people (http-api §5.1), then its profile and environments (§5.2).

import { isOfSomeRun, mailOf } from '../../../harness/prefix.ts'
import {
  type App,
  acceptInvite,
  changeRole,
  changeSettings,
  createApp,
  invite,
  listApps,
  listMembers,
  type Member,
  readApp,
  revokeInvite,
} from '../../../harness/target/conman/apps.ts'
import {
  createProfile,
  type Environment,
  listEnvironments,
  listProfiles,
  listRevisions,
  type Profile,
  revealSecret,
  setEnvironments,
} from '../../../harness/target/conman/environments.ts'
import { saidBy } from '../../../harness/target/conman/error.ts'
import { changePreferences, forgotPassword, login, preferences } from '../../../harness/target/conman/platform.ts'
import { ConmanError } from '../../../harness/target/conman.ts'
import { passwordOf } from '../../../seed/people.ts'
import type { Facts, Part, Step, Walk } from '../walk.ts'

const PEOPLE = [
  { role: 'user', word: 'user', who: 'user' },
  { role: 'reviewer', word: 'reviewer', who: 'reviewer' },
  { role: 'config_manager', word: 'config manager', who: 'manager' },
] as const

const SECRET = 'contract-secret-value'

function mail(walk: Walk, who: string): string {
  return mailOf(walk.run.prefix, `contract-${who}`)
}

function password(walk: Walk, email: string): string {
  return passwordOf(email, walk.target.admin.password)
}

const joining = PEOPLE.flatMap(({ role, word, who }): Step[] => [
  {
    id: `invite-${who}`,
    name: `invite a ${word}`,
    async take(walk) {
      const { token } = await walk.do(walk.as('admin'), invite(walk.appId, mail(walk, who), role))
      walk.demand(token !== null, 'the answer has no token, and no mail is read')
      walk.brings(`an invite of a ${word}`, token!)
    },
  },
  {
    id: `accept-${who}`,
    name: `accept the invite of the ${word}`,
    async take(walk) {
      const email = mail(walk, who)
      const token = walk.the(`an invite of a ${word}`)
      const person = { token, name: `Readiness ${word}`, password: password(walk, email) }
      walk.brings(`a ${word}`, await walk.do(undefined, acceptInvite(person, { appId: walk.appId, email })))
    },
  },
])

export const team: Part = {
  title: 'App and people',
  steps: [
    { id: 'create-app', name: 'create an app', take: createOrFind },
    {
      id: 'login-again',
      name: 'log in again',
      async take(walk) {
        walk.the('an app')
        const { email, password } = walk.target.admin
        walk.brings('a session of the admin', await walk.do(undefined, login(email, password)))
      },
    },
    {
      id: 'read-app',
      name: 'read the app, alone and in the list',
      async take(walk) {
        await walk.see(walk.as('admin'), readApp(walk.appId))
        const isThere = (apps: App[]) => apps.some(({ id }) => id === walk.appId)
        walk.demand(isThere(await walk.seeAll(walk.as('admin'), listApps(), isThere)), 'the list of apps is without it')
      },
    },
    {
      id: 'app-at-once',
      name: 'use the app with the token from before it was made',
      aside: true,
      async take(walk) {
        const answer = await walk.ask(walk.the('the token from before the app was made'), readApp(walk.appId))
        walk.differs('HD3', answer.status === 200, 'HTTP 200', saidBy(answer))
      },
    },
    {
      id: 'settings',
      name: 'change its settings',
      async take(walk) {
        await walk.do(walk.as('admin'), changeSettings(walk.appId, { commit_mode_default: 'submit_commit' }))
      },
    },
    {
      id: 'same-name',
      name: 'create an app with the same name',
      aside: true,
      take(walk) {
        const { name, repoPath } = walk.the('an app')
        const call = createApp({ name, repoPath: `${repoPath}.other` })
        return walk.refuses('§2.4', walk.as('admin'), call, [409])
      },
    },
    {
      id: 'unknown-app',
      name: 'read an app that is not there',
      aside: true,
      take: (walk) => walk.refuses('HD30', walk.as('admin'), readApp('f'.repeat(24)), [403, 404]),
    },
    ...joining,
    {
      id: 'members',
      name: 'list the members',
      async take(walk) {
        const wanted = PEOPLE.map(({ role, word, who }) => ({ role, who, userId: walk.the(`a ${word}`).userId }))
        const roleOf = (members: Member[], userId: string) => members.find((one) => one.userId === userId)?.role
        const members = await walk.seeAll(walk.as('admin'), listMembers(walk.appId), (seen) =>
          wanted.every(({ role, userId }) => roleOf(seen, userId) === role),
        )
        for (const { role, who, userId } of wanted) {
          const has = roleOf(members, userId)
          walk.differs('§2.5', has === role, `${who}: ${role}`, `${who}: ${has ?? 'no member'}`)
        }
      },
    },
    {
      id: 'user-promotes-himself',
      name: 'give oneself a role, as a user',
      aside: true,
      take: (walk) => walk.refuses('HD39', walk.as('user'), changeRole(walk.appId, 'self', 'app_admin'), [403]),
    },
    {
      id: 'guest',
      name: 'invite one more',
      aside: true,
      async take(walk) {
        const { id, token } = await walk.do(walk.as('admin'), invite(walk.appId, mail(walk, 'guest'), 'user'))
        walk.demand(id !== null && token !== null, 'the answer has no id or no token')
        walk.brings('an open invite', { id: id!, token: token! })
      },
    },
    {
      id: 'invite-twice',
      name: 'invite the same person again',
      aside: true,
      take(walk) {
        walk.the('an open invite')
        return walk.refuses('HD23', walk.as('admin'), invite(walk.appId, mail(walk, 'guest'), 'user'), [409])
      },
    },
    {
      id: 'revoke-invite',
      name: 'revoke the invite',
      aside: true,
      async take(walk) {
        const { id, token } = walk.the('an open invite')
        const answer = await walk.ask(walk.as('admin'), revokeInvite(walk.appId, id))
        const is = answer.status === 200 || answer.status === 204
        walk.differs('§2.15', is, 'HTTP 200', saidBy(answer))
        if (is) walk.brings('a revoked invite', token)
      },
    },
    {
      id: 'revoked-invite',
      name: 'accept the revoked invite',
      aside: true,
      take: (walk) => isNoInvite(walk, walk.the('a revoked invite')),
    },
    {
      id: 'unknown-invite',
      name: 'accept an invite that nobody sent',
      aside: true,
      take: (walk) => isNoInvite(walk, 'nobody-sent-this'),
    },
    {
      id: 'wrong-password',
      name: 'log in with a wrong password',
      aside: true,
      take(walk) {
        // A user of our own: who fails too often is locked out for a while (S8).
        const { email } = walk.the('a user')
        return walk.refuses('HD2', undefined, login(email, 'not-the-password'), [401])
      },
    },
    {
      id: 'preferences',
      name: 'read and change the own preferences',
      async take(walk) {
        const { emailEnabled } = await walk.do(walk.as('user'), preferences())
        const changed = await walk.do(walk.as('user'), changePreferences(!emailEnabled))
        walk.demand(changed.emailEnabled === !emailEnabled, 'the change is not in the answer')
      },
    },
    {
      id: 'forgot-password',
      name: 'ask for a new password',
      async take(walk) {
        const token = await walk.do(undefined, forgotPassword(walk.the('a user').email))
        walk.differs('HD21', token === null, 'no token in the answer', 'the reset token')
      },
    },
    {
      id: 'profile',
      name: 'create a runtime profile',
      async take(walk) {
        const call = createProfile(walk.appId, {
          name: `${walk.run.prefix}-contract`,
          envVars: { CONTRACT: { type: 'string', value: 'before' } },
          secrets: { API_KEY: SECRET },
        })
        const profile = await walk.do(walk.as('admin'), call)
        walk.differs('HD42', !JSON.stringify(profile.secrets).includes(SECRET), 'masked', 'the secret in clear')
        walk.brings('a runtime profile', profile)
      },
    },
    {
      id: 'profiles',
      name: 'list the runtime profiles',
      async take(walk) {
        const { id } = walk.the('a runtime profile')
        const isThere = (seen: Profile[]) => seen.some((profile) => profile.id === id)
        const profiles = await walk.seeAll(walk.as('user'), listProfiles(walk.appId), isThere)
        walk.differs('HD42', !JSON.stringify(profiles).includes(SECRET), 'masked', 'the secret in clear')
        walk.demand(isThere(profiles), 'the list is without it')
      },
    },
    {
      id: 'reveal',
      name: 'reveal its secret',
      async take(walk) {
        const call = revealSecret(walk.appId, walk.the('a runtime profile').id, 'API_KEY')
        walk.demand((await walk.do(walk.as('admin'), call)) === SECRET, 'it is not the secret that was stored')
      },
    },
    {
      id: 'same-profile',
      name: 'create a profile with the same name',
      aside: true,
      take(walk) {
        const call = createProfile(walk.appId, { name: walk.the('a runtime profile').name })
        return walk.refuses('§2.7', walk.as('admin'), call, [409])
      },
    },
    {
      id: 'revisions',
      name: 'list its revisions',
      aside: true,
      async take(walk) {
        const answer = await walk.ask(walk.as('user'), listRevisions(walk.appId, walk.the('a runtime profile').id))
        walk.differs('§2.15', answer.status === 200, 'HTTP 200', saidBy(answer))
      },
    },
    {
      id: 'environments',
      name: 'set the environments',
      async take(walk) {
        const call = setEnvironments(walk.appId, [
          { name: 'dev', profileId: walk.the('a runtime profile').id },
          { name: 'qa' },
          { name: 'prod', isCanonical: true },
        ])
        await walk.do(walk.as('admin'), call)
        const names = (seen: readonly Environment[]) => seen.map(({ name }) => name).join(', ')
        const isSet = (seen: readonly Environment[]) => names(seen) === 'dev, qa, prod'
        const environments = await walk.see(walk.as('admin'), listEnvironments(walk.appId), isSet)
        walk.demand(isSet(environments), `the list has ${names(environments)}`)
        walk.brings('environments', environments)
      },
    },
  ],
}

/** A repository that was handed over belongs to one app for ever: where an earlier run made that, it is used again. */
async function createOrFind(walk: Walk): Promise<void> {
  const admin = walk.as('admin')
  const name = `${walk.run.prefix}-contract`
  const repoPath = await walk.target.repositoryFor(name)
  const made = await walk.do(admin, createApp({ name, repoPath })).catch((cause: unknown) => cause)
  if (!(made instanceof Error)) return walk.brings('an app', made as App)
  if (!(made instanceof ConmanError) || made.status !== 409) throw made
  const found = (await walk.conman.all(admin, listApps())).find((app) => app.repoPath === repoPath)
  if (found === undefined || !isOfSomeRun(found.name)) throw made
  walk.note(`its repository belongs to ${found.name}, which an earlier run made: that is used again`)
  walk.brings('an app', found)
}

async function isNoInvite(walk: Walk, token: string): Promise<void> {
  const email = mail(walk, 'guest')
  const { makes: _, ...call } = acceptInvite(
    { token, name: 'Readiness guest', password: password(walk, email) },
    { appId: walk.appId, email },
  )
  await walk.refuses('HD22', undefined, call, [400])
}

/** An environment by its place: 0 dev, 1 qa, 2 prod. */
export function environmentAt(walk: Walk, position: 0 | 1 | 2): Facts['environments'][number] {
  return walk.the('environments')[position]!
}
