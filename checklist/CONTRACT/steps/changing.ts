// A changeset from draft to queue (http-api §5.3).

import type { ListCall } from '../../../harness/target/conman/call.ts'
import {
  comment,
  createChangeset,
  diffFiles,
  diffText,
  editComment,
  enqueue,
  listChangesets,
  listComments,
  listOverrides,
  listQueue,
  type ReviewComment,
  renameChangeset,
  review,
  submit,
} from '../../../harness/target/conman/changesets.ts'
import { saidBy } from '../../../harness/target/conman/error.ts'
import { listJobs } from '../../../harness/target/conman/jobs.ts'
import type { Part, Walk } from '../walk.ts'

const COMMENT = 'Looks right.'

const changesetId = (walk: Walk) => walk.the('a changeset').id

export const changing: Part = {
  title: 'Changeset',
  steps: [
    {
      id: 'changeset',
      name: 'begin a changeset',
      async take(walk) {
        const call = createChangeset(walk.appId, walk.the('a workspace').id, `Contract ${walk.run.id}`)
        walk.brings('a changeset', await walk.do(walk.as('user'), call))
      },
    },
    {
      id: 'changeset-twice',
      name: 'begin another on the same workspace',
      aside: true,
      take(walk) {
        changesetId(walk)
        const call = createChangeset(walk.appId, walk.the('a workspace').id, `Contract ${walk.run.id}, once more`)
        return walk.refuses('HD78', walk.as('user'), call, [409])
      },
    },
    {
      id: 'title',
      name: 'change its title',
      async take(walk) {
        const title = `Contract ${walk.run.id}, titled`
        const changeset = await walk.do(walk.as('user'), renameChangeset(walk.appId, changesetId(walk), title))
        walk.demand(changeset.title === title, 'the new title is not in the answer')
      },
    },
    {
      id: 'diff-files',
      name: 'see which files it changes',
      async take(walk) {
        const paths = await walk.do(walk.as('reviewer'), diffFiles(walk.appId, changesetId(walk)))
        walk.demand(paths.includes('config/contract/first.yaml'), `what was written is not among ${paths.length} paths`)
      },
    },
    {
      id: 'diff-text',
      name: 'see what it changes',
      async take(walk) {
        const text = await walk.do(walk.as('reviewer'), diffText(walk.appId, changesetId(walk)))
        walk.demand(text.includes(`+run: ${walk.run.id}`), 'what was written is not in the text')
      },
    },
    {
      id: 'comment',
      name: 'comment on it',
      async take(walk) {
        const { id } = await walk.do(walk.as('reviewer'), comment(walk.appId, changesetId(walk), COMMENT))
        walk.brings('a comment', id)
      },
    },
    {
      id: 'comments',
      name: 'list the comments',
      async take(walk) {
        const id = walk.the('a comment')
        const isThere = (seen: ReviewComment[]) => seen.some((one) => one.id === id && one.body === COMMENT)
        const comments = await walk.see(walk.as('user'), listComments(walk.appId, changesetId(walk)), isThere)
        walk.demand(isThere(comments), 'the list is without it')
      },
    },
    {
      id: 'edit-comment',
      name: 'change the comment',
      aside: true,
      async take(walk) {
        const call = editComment(walk.appId, changesetId(walk), walk.the('a comment'), `${COMMENT} Really.`)
        const answer = await walk.ask(walk.as('reviewer'), call)
        walk.differs('HD77', answer.status === 200, 'HTTP 200', saidBy(answer))
      },
    },
    {
      id: 'ghost-comment',
      name: 'comment on a changeset that is not there',
      aside: true,
      take: (walk) => walk.refuses('HD77', walk.as('user'), comment(walk.appId, 'f'.repeat(24), COMMENT), [404]),
    },
    {
      id: 'submit',
      name: 'hand it in with an override',
      async take(walk) {
        const overrides = walk.has('a runtime profile')
          ? [
              {
                key: 'CONTRACT',
                value: { type: 'string' as const, value: 'after' },
                profileId: walk.the('a runtime profile').id,
              },
            ]
          : []
        const id = changesetId(walk)
        const { changeset, job } = await walk.do(walk.as('user'), submit(walk.appId, id, { overrides }))
        walk.demand(changeset.state === 'submitted', `its state is ${changeset.state}`)
        await walk.succeeds(walk.as('user'), job ?? { type: 'msuite_submit', entityId: id })
        walk.brings('a submitted changeset', changeset)
      },
    },
    {
      id: 'overrides',
      name: 'list its overrides',
      aside: true,
      async take(walk) {
        const { id } = walk.the('a submitted changeset')
        const answer = await walk.ask(walk.as('reviewer'), listOverrides(walk.appId, id))
        walk.differs('§2.15', answer.status === 200, 'HTTP 200', saidBy(answer))
      },
    },
    {
      id: 'submit-twice',
      name: 'hand it in once more',
      aside: true,
      take: (walk) =>
        walk.refuses('§4.2', walk.as('user'), submit(walk.appId, walk.the('a submitted changeset').id), [409]),
    },
    {
      id: 'user-reviews',
      name: 'review it without the role',
      aside: true,
      take(walk) {
        const call = review(walk.appId, walk.the('a submitted changeset').id, 'approve')
        return walk.refuses('§3.1', walk.as('user'), call, [403])
      },
    },
    {
      id: 'filter-changesets',
      name: 'list the rejected changesets, of which there are none',
      async take(walk) {
        walk.the('a submitted changeset')
        await filters(walk, listChangesets(walk.appId, { state: 'rejected' }))
      },
    },
    {
      id: 'filter-jobs',
      name: 'list the jobs of one type',
      async take(walk) {
        walk.the('a submitted changeset')
        await filters(walk, listJobs(walk.appId, { type: 'deploy_release', state: 'running' }))
      },
    },
    {
      id: 'approve',
      name: 'approve it',
      async take(walk) {
        const { id } = walk.the('a submitted changeset')
        let reviewed = await walk.do(walk.as('reviewer'), review(walk.appId, id, 'approve'))
        // A target may want more than one approval (HD67).
        if (reviewed.state === 'in_review')
          reviewed = await walk.do(walk.as('config_manager'), review(walk.appId, id, 'approve'))
        walk.demand(reviewed.state === 'approved', `its state is ${reviewed.state}`)
        walk.brings('an approved changeset', walk.the('a submitted changeset'))
      },
    },
    {
      id: 'queue',
      name: 'queue it',
      async take(walk) {
        const { id } = walk.the('an approved changeset')
        const queued = await walk.do(walk.as('config_manager'), enqueue(walk.appId, id))
        walk.demand(queued.state === 'queued', `its state is ${queued.state}`)
        walk.brings('a queued changeset', queued)
      },
    },
    {
      id: 'queue-list',
      name: 'list the queue',
      aside: true,
      async take(walk) {
        const { id } = walk.the('a queued changeset')
        const { answer, value } = await walk.attempt(walk.as('user'), listQueue(walk.appId))
        if (!Array.isArray(value)) return walk.differs('HD75', false, 'a list', saidBy(answer))
        const isThere = (seen: { id: string }[]) => seen.some((row) => row.id === id)
        const queue = await walk.seeAll(walk.as('user'), listQueue(walk.appId), isThere)
        walk.differs('HD75', isThere(queue), 'a list with the changeset', 'one without it')
      },
    },
  ],
}

/** The first page as the target gives it: what the filter leaves out must not be in it. */
async function filters<T>(walk: Walk, call: ListCall<T>): Promise<void> {
  const rows = await walk.do(walk.as('user'), call)
  const others = rows.filter((row) => call.keeps?.(row) === false).length
  const wanted = new URLSearchParams(call.query).toString()
  walk.differs('HD73', others === 0, `only ${wanted}`, `${others} of ${rows.length} rows are others`)
}
