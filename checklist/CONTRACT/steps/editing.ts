// A workspace and its files (http-api §5.3, 1 and 2).

import { saidBy } from '../../../harness/target/conman/error.ts'
import {
  checkpoint,
  createWorkspace,
  deleteFile,
  listFiles,
  listWorkspaces,
  readFile,
  syncWorkspace,
  writeFile,
} from '../../../harness/target/conman/workspaces.ts'
import type { Part, Walk } from '../walk.ts'

const FOLDER = 'config/contract'
const FIRST = `${FOLDER}/first.yaml`
const SECOND = `${FOLDER}/second.yaml`
/** Never written. */
const ABSENT = `${FOLDER}/absent.yaml`

const workspaceId = (walk: Walk) => walk.the('a workspace').id
/** Of this run alone: content that is there already is refused by some targets (HD54). */
const content = (walk: Walk, which: string) => `run: ${walk.run.id}\nwhich: ${which}\n`

export const editing: Part = {
  title: 'Editing',
  steps: [
    {
      id: 'workspace',
      name: 'get a workspace',
      async take(walk) {
        const token = walk.as('user')
        walk.brings(
          'a workspace',
          await walk.through(listWorkspaces(walk.appId), () => walk.conman.defaultWorkspace(token, walk.appId)),
        )
      },
    },
    {
      id: 'root',
      name: 'list its files',
      async take(walk) {
        await walk.do(walk.as('user'), listFiles(walk.appId, workspaceId(walk)))
      },
    },
    {
      id: 'sync',
      name: 'bring it up to date',
      async take(walk) {
        const { clean, headSha } = await walk.do(walk.as('user'), syncWorkspace(walk.appId, workspaceId(walk)))
        walk.differs('HD59', clean, 'clean: nothing was edited yet', 'conflicts')
        walk.differs('HD59', isCommit(headSha), 'the head', headSha === '' ? 'an empty head' : headSha)
      },
    },
    {
      id: 'write',
      name: 'write a file',
      async take(walk) {
        const file = { path: FIRST, content: content(walk, 'first') }
        await walk.do(walk.as('user'), writeFile(walk.appId, workspaceId(walk), file))
        walk.brings('a first written file', file.content)
      },
    },
    {
      id: 'write-another',
      name: 'write another file',
      async take(walk) {
        const file = { path: SECOND, content: content(walk, 'second') }
        await walk.do(walk.as('user'), writeFile(walk.appId, workspaceId(walk), file))
        walk.brings('a written file', file.content)
      },
    },
    {
      id: 'read',
      name: 'read it back',
      async take(walk) {
        const written = walk.the('a written file')
        const bytes = await walk.do(walk.as('user'), readFile(walk.appId, workspaceId(walk), SECOND))
        walk.demand(bytes.toString('utf8') === written, 'it is not what was written')
      },
    },
    {
      id: 'accumulate',
      name: 'read the first file again',
      async take(walk) {
        const written = walk.the('a first written file')
        const call = readFile(walk.appId, workspaceId(walk), FIRST)
        const { answer, value } = await walk.attempt(walk.as('user'), call)
        const is = Buffer.isBuffer(value) && value.toString('utf8') === written
        const got = Buffer.isBuffer(value) ? 'something else than was written' : saidBy(answer)
        walk.differs('HD53', is, 'still what was written first', got)
        if (is) walk.brings('edits that accumulate', true)
      },
    },
    {
      id: 'directory',
      name: 'list a directory',
      async take(walk) {
        walk.the('a written file')
        const call = listFiles(walk.appId, workspaceId(walk), FOLDER)
        const { answer, value } = await walk.attempt(walk.as('user'), call)
        const paths = Array.isArray(value) ? value.map(({ path }) => path) : []
        const got = Array.isArray(value) ? `${paths.length} entries without it` : value.message
        walk.differs('HD55', answer.status === 200 && paths.some((path) => path.endsWith('second.yaml')), SECOND, got)
      },
    },
    {
      id: 'unchanged',
      name: 'write a file as it is',
      aside: true,
      async take(walk) {
        const file = { path: SECOND, content: walk.the('a written file') }
        const { retriesBadGateway: _, ...call } = writeFile(walk.appId, workspaceId(walk), file)
        const answer = await walk.ask(walk.as('user'), call)
        walk.differs('HD54', answer.status === 200, 'HTTP 200', saidBy(answer))
      },
    },
    {
      id: 'delete',
      name: 'delete a file',
      async take(walk) {
        walk.the('edits that accumulate')
        await walk.do(walk.as('user'), deleteFile(walk.appId, workspaceId(walk), SECOND))
      },
    },
    {
      id: 'write-again',
      name: 'write the first file again',
      async take(walk) {
        const file = { path: FIRST, content: `${content(walk, 'first')}again: true\n` }
        await walk.do(walk.as('user'), writeFile(walk.appId, workspaceId(walk), file))
      },
    },
    {
      id: 'checkpoint',
      name: 'make a checkpoint',
      async take(walk) {
        const commit = await walk.do(walk.as('user'), checkpoint(walk.appId, workspaceId(walk), 'So far'))
        walk.differs('HD60', isCommit(commit), 'a commit', commit)
      },
    },
    {
      id: 'missing-file',
      name: 'read a file that is not there',
      aside: true,
      take: (walk) => walk.refuses('HD51', walk.as('user'), readFile(walk.appId, workspaceId(walk), ABSENT), [404]),
    },
    {
      id: 'blocked-path',
      name: 'write to a blocked path',
      aside: true,
      take: (walk) => refusesFile(walk, 'HD49', '.git/config', [403]),
    },
    {
      id: 'traversal',
      name: 'write outside of the repository',
      aside: true,
      take: (walk) => refusesFile(walk, 'HD50', '../../outside.yaml', [400, 403]),
    },
    {
      id: 'branch-name',
      name: 'create a workspace on a branch that no branch can be called',
      aside: true,
      take: (walk) => walk.refuses('HD48', walk.as('user'), createWorkspace(walk.appId, '../outside'), [400]),
    },
    {
      id: 'foreign-workspace',
      name: 'write to somebody else’s workspace',
      aside: true,
      take(walk) {
        const file = { path: ABSENT, content: 'a: 1\n' }
        return walk.refuses('§3.1', walk.as('reviewer'), writeFile(walk.appId, workspaceId(walk), file), [403, 404])
      },
    },
  ],
}

function refusesFile(walk: Walk, id: string, path: string, statuses: readonly number[]): Promise<void> {
  const { retriesBadGateway: _, ...call } = writeFile(walk.appId, workspaceId(walk), { path, content: 'a: 1\n' })
  return walk.refuses(id, walk.as('user'), call, statuses)
}

function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text)
}
