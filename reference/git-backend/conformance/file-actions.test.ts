// The actions of UserCommitFiles, one by one (contract 4.4).

import { status as Code } from '@grpc/grpc-js'
import { beforeEach, describe, expect, test } from 'vitest'
import type { FileChange } from '../client.ts'
import { USER } from '../client.ts'
import { IndexErrorType } from '../messages.ts'
import { gitOn } from '../temporary-backend.ts'
import {
  bytes,
  CHMOD,
  CREATE_DIR,
  client,
  commit,
  DELETE,
  detailOf,
  directory,
  expectRefused,
  git,
  MOVE,
  oidOf,
  read,
  repository,
  tree,
  UPDATE,
  useBackend,
} from './backend.ts'

useBackend()

const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'

beforeEach(async () => {
  await commit('main', [
    { path: 'dir/file', content: 'one' },
    { path: 'dir/other', content: 'two' },
    { path: 'run.sh', content: 'x', fields: { execute_filemode: true } },
  ])
})

const ls = (revision = 'main') => git('ls-tree', '-r', '--format=%(objectmode) %(path)', revision).trim().split('\n')

const move = (path: string, from: string, content?: string): FileChange => ({
  action: MOVE,
  path,
  ...(content === undefined ? {} : { content }),
  fields: { previous_path: bytes(from), infer_content: content === undefined },
})

async function refused(change: FileChange, code: Code, type: keyof typeof IndexErrorType, path = String(change.path)) {
  const error = await expectRefused(commit('main', [change]), code)
  expect(detailOf(error)).toEqual({
    type: 'UserCommitFilesError',
    case: 'index_update',
    fields: { path: bytes(path), error_type: IndexErrorType[type] },
  })
}

describe('CREATE', () => {
  test('writes a file, and replaces a directory but no file', async () => {
    await refused({ path: 'dir/file', content: 'x' }, Code.ALREADY_EXISTS, 'FILE_EXISTS')
    await refused({ path: 'dir/file/below', content: 'x' }, Code.ALREADY_EXISTS, 'FILE_EXISTS', 'dir/file')
    await commit('main', [{ path: 'dir', content: 'now a file' }])
    expect(ls()).toEqual(['100644 dir', '100755 run.sh'])
  })

  test('twice in one commit is refused', async () => {
    await expectRefused(commit('main', [{ path: 'new' }, { path: 'new' }]), Code.ALREADY_EXISTS)
  })

  test('replaces a directory that the same commit made', async () => {
    await commit('main', [
      { action: CREATE_DIR, path: 'new' },
      { path: 'new', content: 'file' },
    ])
    expect(ls()).toContain('100644 new')
  })
})

describe('UPDATE', () => {
  test('needs a file, and keeps its mode', async () => {
    await refused({ action: UPDATE, path: 'none', content: 'x' }, Code.NOT_FOUND, 'FILE_NOT_FOUND')
    await refused({ action: UPDATE, path: 'dir', content: 'x' }, Code.NOT_FOUND, 'FILE_NOT_FOUND')
    await refused({ action: UPDATE, path: 'dir/file/x', content: 'x' }, Code.NOT_FOUND, 'FILE_NOT_FOUND')
    await commit('main', [
      { action: UPDATE, path: 'run.sh', content: 'changed' },
      { action: UPDATE, path: 'dir/file', content: 'changed', fields: { execute_filemode: true } },
    ])
    expect(ls()).toEqual(['100644 dir/file', '100644 dir/other', '100755 run.sh'])
    expect(await read('main', 'run.sh')).toBe('changed')
  })
})

describe('DELETE', () => {
  test('takes emptied directories along', async () => {
    await refused({ action: DELETE, path: 'none' }, Code.NOT_FOUND, 'FILE_NOT_FOUND')
    await refused({ action: DELETE, path: 'dir' }, Code.NOT_FOUND, 'FILE_NOT_FOUND')
    await commit('main', [
      { action: DELETE, path: 'dir/file' },
      { action: DELETE, path: 'dir/other' },
    ])
    expect(ls()).toEqual(['100755 run.sh'])
    await commit('main', [{ action: DELETE, path: 'run.sh' }])
    expect(oidOf('main^{tree}')).toBe(EMPTY_TREE)
    expect(await tree('main')).toEqual([])
    await commit('main', [{ path: 'again', content: 'x' }])
    expect(ls()).toEqual(['100644 again'])
  })
})

describe('MOVE', () => {
  test('keeps the mode, and the content when told to', async () => {
    await refused(move('x', 'none'), Code.NOT_FOUND, 'FILE_NOT_FOUND', 'none')
    await refused(move('x', 'dir'), Code.NOT_FOUND, 'FILE_NOT_FOUND', 'dir')
    await refused(move('dir/other', 'dir/file'), Code.ALREADY_EXISTS, 'FILE_EXISTS')
    await refused(move('dir/file', 'dir/file'), Code.ALREADY_EXISTS, 'FILE_EXISTS')
    await refused(move('x', ''), Code.INVALID_ARGUMENT, 'EMPTY_PATH', '')
    await refused(move('x', '../up'), Code.INVALID_ARGUMENT, 'DIRECTORY_TRAVERSAL', '../up')
    await commit('main', [move('bin/run', 'run.sh'), move('file', 'dir/file', 'changed')])
    expect(ls()).toEqual(['100755 bin/run', '100644 dir/other', '100644 file'])
    expect(await read('main', 'bin/run')).toBe('x')
    expect(await read('main', 'file')).toBe('changed')
  })

  test('takes the content from the stream unless told to infer it, be it empty or absent', async () => {
    const fields = (from: string, infer_content: boolean) => ({ previous_path: bytes(from), infer_content })
    await commit('main', [
      { action: MOVE, path: 'emptied', fields: fields('dir/file', false) },
      { action: MOVE, path: 'kept', content: 'ignored', fields: fields('dir/other', true) },
    ])
    expect(await read('main', 'emptied')).toBe('')
    expect(await read('main', 'kept')).toBe('two')
  })

  test('into the place of the directory that it empties, and below its own place', async () => {
    await commit('main', [{ action: DELETE, path: 'dir/other' }, move('dir', 'dir/file')])
    expect(ls()).toEqual(['100644 dir', '100755 run.sh'])
    await commit('main', [move('dir/deep/file', 'dir')])
    expect(ls()).toEqual(['100644 dir/deep/file', '100755 run.sh'])
    expect(await read('main', 'dir/deep/file')).toBe('one')
  })

  test('onto a directory replaces it, as Gitaly does; below a file is refused', async () => {
    await refused(move('dir/file/x', 'run.sh'), Code.ALREADY_EXISTS, 'FILE_EXISTS', 'dir/file')
    await commit('main', [move('dir', 'run.sh')])
    expect(ls()).toEqual(['100755 dir'])
  })
})

describe('CHMOD and CREATE_DIR', () => {
  test('change the mode of a file, and keep a directory by an empty file', async () => {
    const executable = { execute_filemode: true }
    await refused({ action: CHMOD, path: 'none', fields: executable }, Code.NOT_FOUND, 'FILE_NOT_FOUND')
    await refused({ action: CHMOD, path: 'dir', fields: executable }, Code.NOT_FOUND, 'FILE_NOT_FOUND')
    await refused({ action: CREATE_DIR, path: 'dir' }, Code.ALREADY_EXISTS, 'DIRECTORY_EXISTS')
    await refused({ action: CREATE_DIR, path: 'run.sh' }, Code.ALREADY_EXISTS, 'FILE_EXISTS')
    await refused({ action: CREATE_DIR, path: 'run.sh/x' }, Code.ALREADY_EXISTS, 'FILE_EXISTS', 'run.sh')
    await commit('main', [
      { action: CHMOD, path: 'run.sh' },
      { action: CHMOD, path: 'dir/file', fields: executable },
      { action: CREATE_DIR, path: 'new/deep', content: 'ignored', fields: executable },
    ])
    expect(ls()).toEqual(['100755 dir/file', '100644 dir/other', '100644 new/deep/.gitkeep', '100644 run.sh'])
    expect(await read('main', 'new/deep/.gitkeep')).toBe('')
    await commit('main', [{ action: CHMOD, path: 'dir/file', fields: executable }])
    expect(ls()).toContain('100755 dir/file')
  })

  test('do not touch links and submodules', async () => {
    const blob = gitOn(directory(), ['hash-object', '-w', '--stdin'], 'dir/file').trim()
    const listing = `120000 blob ${blob}\tlink\n160000 commit ${oidOf('main')}\tsub\n`
    const seeded = gitOn(directory(), ['mktree', '--missing'], listing).trim()
    const start_sha = gitOn(directory(), ['commit-tree', '-m', 'seed', seeded]).trim()
    await commit('seeded', [{ path: 'file', content: 'x' }], { start_sha })
    for (const path of ['link', 'sub']) {
      await expectRefused(commit('seeded', [{ action: CHMOD, path }]), Code.NOT_FOUND)
      await expectRefused(commit('seeded', [{ path, content: 'x' }]), Code.ALREADY_EXISTS)
    }
    await expectRefused(commit('seeded', [{ action: UPDATE, path: 'sub', content: 'x' }]), Code.NOT_FOUND)
    await commit('seeded', [{ action: UPDATE, path: 'link', content: 'dir/other' }, move('moved', 'sub')])
    expect(ls('seeded')).toEqual(['100644 file', '120000 link', '160000 moved'])
  })
})

describe('paths', () => {
  test('stay inside the tree and outside of .git', async () => {
    for (const [path, type] of [
      ['', 'EMPTY_PATH'],
      ['/abs', 'INVALID_PATH'],
      ['a//b', 'INVALID_PATH'],
      ['a/', 'INVALID_PATH'],
      ['.', 'INVALID_PATH'],
      ['a/./b', 'INVALID_PATH'],
      ['a\0b', 'INVALID_PATH'],
      ['a/'.repeat(2100).concat('b'), 'INVALID_PATH'],
      ['../up', 'DIRECTORY_TRAVERSAL'],
      ['a/../b', 'DIRECTORY_TRAVERSAL'],
      ['a/..', 'DIRECTORY_TRAVERSAL'],
    ] as const) {
      await refused({ path, content: 'x' }, Code.INVALID_ARGUMENT, type)
      await refused({ action: DELETE, path }, Code.INVALID_ARGUMENT, type)
    }
    for (const path of [
      '.git',
      '.git/config',
      'a/.GIT/hooks/x',
      'GIT~1/x',
      '.git ./x',
      '.git::$INDEX_ALLOCATION/x',
      '.g\u200cit/x',
      'a\\.git\\x',
    ]) {
      await refused({ path, content: 'x' }, Code.INTERNAL, 'INVALID_PATH')
    }
  })

  test('are otherwise any bytes', async () => {
    const names = [
      '.gitignore',
      'späce and\ttab\n',
      '日本/ 語',
      '-x',
      ':(glob)*',
      '"quoted"',
      "it's",
      '..a',
      'a..',
      '\x7f',
    ]
    await commit(
      'main',
      names.map((path) => ({ path, content: path })),
    )
    for (const path of names) expect(await read('main', path)).toBe(path)
    // Not even UTF-8.
    const raw = Buffer.from([0x66, 0xff, 0xfe])
    await client.send('OperationService', 'UserCommitFiles', [
      { header: { repository, user: USER, branch_name: bytes('main'), commit_message: bytes('m') } },
      { action: { header: { file_path: raw } } },
      { action: { content: bytes('raw') } },
    ])
    expect((await tree('main')).some(({ path }) => path.equals(raw))).toBe(true)
    expect(git('ls-tree', '-r', '--name-only', 'main')).toContain('"f\\377\\376"')
  })

  test('what is malformed is refused before what is missing, wherever it stands', async () => {
    const missing: FileChange = { action: DELETE, path: 'none' }
    await expectRefused(commit('main', [missing, { path: '../up' }]), Code.INVALID_ARGUMENT)
    await expectRefused(commit('main', [missing, move('x', 'a//b')]), Code.INVALID_ARGUMENT)
    await expectRefused(commit('main', [missing, { action: 17, path: 'x' }]), Code.INVALID_ARGUMENT)
    await expectRefused(commit('main', [missing]), Code.NOT_FOUND)
  })

  test('an unknown action is refused', async () => {
    await expectRefused(commit('main', [{ action: 17, path: 'x' }]), Code.INVALID_ARGUMENT)
  })
})
