// THE table of who may do what (http-api chapters 3 and 6, specified-only chapter 1, decisions C21, C13), in the order of the
// product's flow: what one row's control brings about, later rows stand on. Never read from a target: it is what a target is held
// against.

import {
  acceptInvite,
  assignMember,
  changeRole,
  changeSettings,
  createApp,
  invite,
  listApps,
  listAudit,
  listMembers,
  readApp,
  resendInvite,
  revokeInvite,
} from '../../harness/target/conman/apps.ts'
import type { Call } from '../../harness/target/conman/call.ts'
import {
  analyzeChangeset,
  chatAbout,
  comment,
  createChangeset,
  diffFiles,
  editComment,
  enqueue,
  listChangesets,
  listComments,
  listOverrides,
  listQueue,
  moveToDraft,
  readChangeset,
  renameChangeset,
  reorderQueue,
  review,
  setOverrides,
  submit,
} from '../../harness/target/conman/changesets.ts'
import {
  changeProfile,
  createProfile,
  listEnvironments,
  listProfiles,
  listRevisions,
  readProfile,
  revealSecret,
  revertProfile,
  rotateKey,
  setEnvironments,
} from '../../harness/target/conman/environments.ts'
import { listJobs, readJob } from '../../harness/target/conman/jobs.ts'
import {
  changePreferences,
  description,
  documentation,
  forgotPassword,
  health,
  login,
  logout,
  metrics,
  preferences,
  resetPassword,
} from '../../harness/target/conman/platform.ts'
import {
  assemble,
  createDraft,
  createDriftFix,
  listDeployments,
  listReleases,
  place,
  publish,
  readRelease,
  reorderRelease,
  rollBack,
  selectChangesets,
} from '../../harness/target/conman/releases.ts'
import {
  createTemporary,
  deleteTemporary,
  extendTemporary,
  listTemporary,
  undoExpire,
} from '../../harness/target/conman/temporary-environments.ts'
import {
  checkpoint,
  createWorkspace,
  deleteFile,
  listFiles,
  listWorkspaces,
  readWorkspace,
  renameWorkspace,
  resetWorkspace,
  syncWorkspace,
  writeFile,
} from '../../harness/target/conman/workspaces.ts'
import type { Role } from '../../harness/target/conman.ts'
import type { ActorName } from '../lib/cast.ts'
import type { Stage } from './stage.ts'

/** What stands in a row's request, by what it names. */
export interface Ids {
  appId: string
  bystanderId: string
  inviteId: string
  profileId: string
  environmentId: string
  nextEnvironmentId: string
  workspaceId: string
  changesetId: string
  commentId: string
  releaseId: string
  jobId: string
  tempEnvId: string
}

/** What else a request may say. */
export type Texts = Pick<Stage, 'name' | 'environments' | 'queued' | 'approvers' | 'secretKey' | 'secret'>

export interface Row {
  /** `METHOD /route`, as the contract writes it. */
  operation: string
  /** `open` to everybody, for whoever is signed `in`, or the lowest role on the app. */
  lowest: 'open' | 'in' | Role
  /**
   * Beside the role, it must be one's own. `also`: the lowest role that may do it to others' as well; `perhaps`: from which role on
   * the sources contradict each other, so that either answer is right (http-api §3.1, column ‘spec where other’).
   */
  own?: { also?: Role; perhaps?: Role }
  /** The sources contradict each other about who is let in; either answer is right here. */
  debated?: true
  /** In the specification, and absent from real: a target without the route leaves nothing to check. */
  specifiedOnly?: true
  /** What it does shows in no row and no list: nothing changes, or only the audit log. */
  unseen?: true
  /** Gates before it answer 409 until their jobs have run (HD83, HD90): asked again. */
  gated?: true
  /** Brings about what the request stands on. */
  before?(stage: Stage): Promise<void>
  request(ids: Ids, caller: { name: ActorName; userId: string | null }, texts: Texts): Call<unknown>
  /** What the control's answer brings for later rows. `id`: of what was made, where the answer tells. */
  after?(stage: Stage, id: string | undefined): Promise<void> | void
  /** When everybody has asked. */
  leave?(stage: Stage): void
}

const NOBODY = 'f'.repeat(24)

function row(
  lowest: Row['lowest'],
  request: Row['request'],
  more: Omit<Row, 'operation' | 'lowest' | 'request'> = {},
): Row {
  const sample = request(SAMPLE, { name: 'user', userId: NOBODY }, SAMPLE_STAGE)
  return { operation: `${sample.method} ${sample.route}`, lowest, request, ...more }
}

/** Ids that name nothing: a row's operation is told from a request with these. */
const SAMPLE = Object.fromEntries(
  [
    'appId',
    'bystanderId',
    'inviteId',
    'profileId',
    'environmentId',
    'nextEnvironmentId',
    'workspaceId',
    'changesetId',
    'commentId',
    'releaseId',
    'jobId',
    'tempEnvId',
  ].map((name) => [name, NOBODY]),
) as unknown as Ids
const SAMPLE_STAGE: Texts = {
  name: (what) => what,
  environments: [],
  queued: [],
  approvers: [],
  secretKey: 'KEY',
  secret: '',
}

/** Which actor owns what a row with `own` is about. */
export const OWNER: ActorName = 'user'

const readsOfOwner = { own: { perhaps: 'user' } } as const
const writesOfOwner = { own: { perhaps: 'app_admin' } } as const

const NOTHING = { token: '', name: '', password: '' }

const PLATFORM: readonly Row[] = [
  row('open', () => health()),
  // Public by the specification, behind a token in real (HD19): GL-O1 judges that.
  row('open', () => metrics(), { debated: true }),
  row('open', () => description(), { specifiedOnly: true }),
  row('open', () => documentation(), { specifiedOnly: true }),
  row('open', () => login('', ''), { unseen: true }),
  row('open', () => forgotPassword(''), { unseen: true }),
  row('open', () => resetPassword('', ''), { unseen: true }),
  row('open', () => ({ ...acceptInvite(NOTHING, { appId: '', email: '' }), makes: [] }), { unseen: true }),
  row('in', () => preferences()),
  row('in', () => changePreferences(true), { unseen: true }),
  row('in', () => listApps()),
  // A blank name: an app that was made could not be taken away again.
  row('in', () => ({ ...createApp({ name: '', repoPath: '' }), makes: [] }), { unseen: true }),
]

const APP: readonly Row[] = [
  row('user', ({ appId }) => readApp(appId)),
  row('app_admin', ({ appId }) => changeSettings(appId, { file_size_limit_bytes: 5_242_881 })),
  row('user', ({ appId }) => listMembers(appId)),
  row('app_admin', ({ appId, bystanderId }) => assignMember(appId, bystanderId, 'reviewer')),
  row('app_admin', ({ appId, bystanderId }) => changeRole(appId, bystanderId, 'user'), { specifiedOnly: true }),
  row('app_admin', ({ appId }, _, { name }) => invite(appId, `${name('guest')}@readiness.test`, 'user'), {
    after: (stage, id) => stage.keep('inviteId', id),
  }),
  row('app_admin', ({ appId, inviteId }) => resendInvite(appId, inviteId), { specifiedOnly: true }),
  row('app_admin', ({ appId, inviteId }) => revokeInvite(appId, inviteId), { specifiedOnly: true }),
  row('user', ({ appId }) => listEnvironments(appId)),
  row(
    'app_admin',
    ({ appId }, _, { environments, name }) =>
      setEnvironments(
        appId,
        environments.map((one, index) => ({ ...one, name: index === 0 ? name('environment') : one.name })),
      ),
    { after: (stage) => stage.readEnvironments() },
  ),
]

const PROFILES: readonly Row[] = [
  row('app_admin', ({ appId }, _, { name, secretKey, secret }) =>
    createProfile(appId, { name: name('made'), secrets: { [secretKey]: secret } }),
  ),
  row('user', ({ appId }) => listProfiles(appId)),
  row('user', ({ appId, profileId }) => readProfile(appId, profileId)),
  row('app_admin', ({ appId, profileId }) =>
    changeProfile(appId, profileId, { envVars: { CHANGED: { type: 'boolean', value: true } } }),
  ),
  row('app_admin', ({ appId, profileId }, _, { secretKey }) => revealSecret(appId, profileId, secretKey), {
    unseen: true,
  }),
  row('user', ({ appId, profileId }) => listRevisions(appId, profileId), { specifiedOnly: true }),
  row('app_admin', ({ appId, profileId }) => revertProfile(appId, profileId, 1), { specifiedOnly: true }),
  row('app_admin', ({ appId, profileId }) => rotateKey(appId, profileId), { specifiedOnly: true }),
]

const FILE = 'config/rbac.yaml'

const WORKSPACES: readonly Row[] = [
  row('user', ({ appId }) => listWorkspaces(appId), { unseen: true }),
  row('user', ({ appId }, { name: caller }, { name }) => createWorkspace(appId, name(`branch-${caller}`))),
  row('user', ({ appId, workspaceId }) => readWorkspace(appId, workspaceId), readsOfOwner),
  row(
    'user',
    ({ appId, workspaceId }, _, { name }) => renameWorkspace(appId, workspaceId, name('title')),
    writesOfOwner,
  ),
  row('user', ({ appId, workspaceId }) => resetWorkspace(appId, workspaceId), { ...writesOfOwner, unseen: true }),
  row('user', ({ appId, workspaceId }) => syncWorkspace(appId, workspaceId), { ...writesOfOwner, unseen: true }),
  row('user', ({ appId, workspaceId }) => checkpoint(appId, workspaceId, 'a checkpoint'), {
    ...writesOfOwner,
    unseen: true,
  }),
  row(
    'user',
    ({ appId, workspaceId }, { name }) => writeFile(appId, workspaceId, { path: FILE, content: `by: ${name}\n` }),
    {
      ...writesOfOwner,
    },
  ),
  row('user', ({ appId, workspaceId }) => listFiles(appId, workspaceId), readsOfOwner),
  row('user', ({ appId, workspaceId }) => deleteFile(appId, workspaceId, FILE), writesOfOwner),
]

const CHANGESETS: readonly Row[] = [
  row('user', ({ appId, workspaceId }, _, { name }) => createChangeset(appId, workspaceId, name('first')), {
    own: { perhaps: 'config_manager' },
    before: (stage) => stage.writeSomething(),
    after: (stage, id) => stage.keep('changesetId', id),
  }),
  row('user', ({ appId }) => listChangesets(appId)),
  row('user', ({ appId, changesetId }) => readChangeset(appId, changesetId)),
  row('user', ({ appId, changesetId }, _, { name }) => renameChangeset(appId, changesetId, name('renamed')), {
    own: { perhaps: 'config_manager' },
  }),
  row('user', ({ appId, changesetId }) => listOverrides(appId, changesetId), { specifiedOnly: true }),
  row(
    'user',
    ({ appId, changesetId }) =>
      setOverrides(appId, changesetId, [{ key: 'RBAC', value: { type: 'boolean', value: true }, profileId: null }]),
    { own: {}, specifiedOnly: true },
  ),
  row(
    'user',
    ({ appId, changesetId }, { name: caller }, { name }) => comment(appId, changesetId, name(`said-${caller}`)),
    {
      after: (stage, id) => stage.keep('commentId', id),
    },
  ),
  row('user', ({ appId, changesetId }) => listComments(appId, changesetId)),
  row(
    'user',
    ({ appId, changesetId, commentId }, _, { name }) => editComment(appId, changesetId, commentId, name('edited')),
    {
      own: {},
      specifiedOnly: true,
    },
  ),
  row('user', ({ appId, changesetId }) => diffFiles(appId, changesetId)),
  row('user', ({ appId, changesetId }) => analyzeChangeset(appId, changesetId), { specifiedOnly: true, unseen: true }),
  row('user', ({ appId, changesetId }) => chatAbout(appId, changesetId, 'what is new?'), {
    specifiedOnly: true,
    unseen: true,
  }),
  row('user', ({ appId, changesetId }) => submit(appId, changesetId), { own: {}, after: (stage) => stage.submitted() }),
  row('user', ({ appId }) => listJobs(appId)),
  row('user', ({ appId, jobId }) => readJob(appId, jobId)),
  row('reviewer', ({ appId, changesetId }) => review(appId, changesetId, 'approve')),
  row('user', ({ appId, changesetId }) => submit(appId, changesetId, { again: true }), {
    own: {},
    before: (stage) => stage.secondSentBack(),
    after: (stage) => stage.quiet(),
  }),
  row('user', ({ appId, changesetId }) => moveToDraft(appId, changesetId), {
    own: { also: 'config_manager' },
    before: (stage) => stage.sendBack(),
    leave: (stage) => stage.firstAgain(),
  }),
  row('config_manager', ({ appId, changesetId }) => enqueue(appId, changesetId), {
    after: (stage) => stage.readQueue(),
  }),
  row('user', ({ appId }) => listQueue(appId), { specifiedOnly: true }),
  row('config_manager', ({ appId }, _, { queued }) => reorderQueue(appId, queued), { specifiedOnly: true }),
]

const RELEASES: readonly Row[] = [
  row(
    'config_manager',
    ({ appId, changesetId }) => ({ ...createDraft(appId), body: { changeset_ids: [changesetId] } }),
    {
      after: (stage, id) => stage.keep('releaseId', id),
    },
  ),
  row('user', ({ appId }) => listReleases(appId)),
  row('user', ({ appId, releaseId }) => readRelease(appId, releaseId)),
  row('config_manager', ({ appId, releaseId, changesetId }) => selectChangesets(appId, releaseId, [changesetId])),
  row('config_manager', ({ appId, releaseId, changesetId }) => reorderRelease(appId, releaseId, [changesetId])),
  row('config_manager', ({ appId, releaseId }) => assemble(appId, releaseId), { after: (stage) => stage.quiet() }),
  row('config_manager', ({ appId, releaseId }) => publish(appId, releaseId), {
    gated: true,
    after: (stage) => stage.quiet(),
  }),
  row('config_manager', ({ appId, environmentId, releaseId }) => place('deploy', appId, { environmentId, releaseId }), {
    gated: true,
    after: (stage) => stage.quiet(),
  }),
  row(
    'config_manager',
    ({ appId, nextEnvironmentId, releaseId }) =>
      place('promote', appId, { environmentId: nextEnvironmentId, releaseId }),
    { gated: true, after: (stage) => stage.quiet() },
  ),
  row(
    'config_manager',
    ({ appId, environmentId, releaseId }, _, { approvers }) =>
      rollBack(appId, { environmentId, releaseId, mode: 'redeploy_prior_tag', approvals: approvers }),
    { gated: true, after: (stage) => stage.quiet() },
  ),
  row('config_manager', ({ appId, environmentId }) => createDriftFix(appId, environmentId), {
    specifiedOnly: true,
    unseen: true,
  }),
  row('user', ({ appId }) => listDeployments(appId)),
]

const ownOrManaged = { own: { perhaps: 'config_manager' } } as const

const TEMPORARY: readonly Row[] = [
  row('user', ({ appId, workspaceId }) => createTemporary(appId, { kind: 'workspace', id: workspaceId }), {
    after: async (stage, id) => {
      stage.keep('tempEnvId', id)
      await stage.quiet()
    },
  }),
  row('user', ({ appId }) => listTemporary(appId)),
  row('user', ({ appId, tempEnvId }) => extendTemporary(appId, tempEnvId, 1), ownOrManaged),
  row('user', ({ appId, tempEnvId }) => undoExpire(appId, tempEnvId), ownOrManaged),
  row('user', ({ appId, tempEnvId }) => deleteTemporary(appId, tempEnvId), {
    ...ownOrManaged,
    after: (stage) => stage.quiet(),
  }),
]

export const ROWS: readonly Row[] = [
  ...PLATFORM,
  ...APP,
  ...PROFILES,
  ...WORKSPACES,
  ...CHANGESETS,
  ...RELEASES,
  ...TEMPORARY,
  row('app_admin', ({ appId }) => listAudit(appId), { specifiedOnly: true }),
  // Last: some targets may end the session.
  row('in', () => logout(), { unseen: true }),
]
