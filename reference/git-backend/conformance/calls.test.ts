// What holds for every call: it ends when its caller gives up, and takes its git process along; what is too large, cut or
// unknown is answered by a status; and no text repeats what a caller chose (contract 3.3, 3.6, 3.8, W4, W11).

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CallOptions, status as Code, Metadata, type ServiceError } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { GitBackendClient, methodOf, USER } from '../client.ts'
import { startGitBackend } from '../server.ts'
import { gitOn, startTemporaryBackend, type TemporaryBackend } from '../temporary-backend.ts'
import {
  bytes,
  client,
  commit,
  createBranch,
  createTag,
  DECIDING_WORDS,
  deleteBranch,
  expectFailure,
  failure,
  findBranch,
  MERGE_REF,
  mergeToRef,
  oidOf,
  read,
  rebaseToRef,
  refs,
  repository,
  revert,
  temporary,
  tip,
  tree,
  update,
  updateReferences,
  useBackend,
} from './backend.ts'

useBackend()

describe('W11: no text repeats what a caller chose', () => {
  test.each(['conflict', 'not-implemented', 'not.found'])('whatever it is called: %s', async (word) => {
    const main = await commit('main', [{ path: 'a', content: 'a' }])
    await createBranch(word, 'main')
    await createTag(word, main)
    const errors = await Promise.all([
      failure(createBranch(word, 'main')),
      failure(createBranch(`${word}/below`, 'main')),
      failure(createBranch('x', `${word}-none`)),
      failure(createBranch('not found', 'main')),
      failure(deleteBranch(`${word}-none`)),
      failure(createTag(word, main)),
      failure(createTag('x', `${word}-none`)),
      failure(commit(word, [{ action: 4, path: `${word}/none` }])),
      failure(commit(word, [{ path: '../not found' }])),
      failure(commit(word, [], { start_branch_name: bytes(`${word}-none`) })),
      failure(tree(`${word}-none`)),
      failure(tree('main', 'not found/conflict')),
      failure(mergeToRef(`${word}-none`, 'main')),
      failure(rebaseToRef(main, `${word}-none`, 'refs/heads/x')),
      failure(revert(main, `${word}-none`)),
      failure(updateReferences(update(`refs/heads/${word}`, main, 'a'.repeat(40)))),
      failure(updateReferences(update('refs/heads/not found', main))),
      failure(
        client.list('DiffService', 'RawDiff', { repository, left_commit_id: word, right_commit_id: 'not found' }),
      ),
      failure(client.list('CommitService', 'ListCommits', { repository, revisions: [`${word}..none`] })),
      failure(client.unary('RefService', 'FindTag', { repository, tag_name: bytes(`${word}-none`) })),
      failure(
        client.unary('RefService', 'FindBranch', {
          repository: { storage_name: 'default', relative_path: `${word}.git` },
          name: bytes('main'),
        }),
      ),
      failure(
        client.unary('RefService', 'FindBranch', {
          repository: { storage_name: word, relative_path: 'a.git' },
          name: bytes('main'),
        }),
      ),
    ])
    for (const { details } of errors) expect(details).not.toMatch(DECIDING_WORDS)
  })
})

describe('W4: fields that nothing here uses', () => {
  test('are ignored', async () => {
    const main = await commit('main', [{ path: 'a', content: 'a' }])
    const request = {
      repository: {
        ...repository,
        git_object_directory: 'objects',
        git_alternate_object_directories: ['x'],
        gl_repository: 'project-1',
        gl_project_path: 'x',
      },
      revision: bytes('main'),
      trailers: true,
    }
    expect((await client.unary('CommitService', 'FindCommit', request)).commit.id).toBe(main)
  })
})

describe('what cannot be received', () => {
  const raw = (path: string, message: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const same = (bytes: Buffer) => bytes
      client.grpc.makeUnaryRequest(path, same, same, message, new Metadata(), {}, (error, reply) =>
        error ? reject(error) : resolve(reply!),
      )
    })

  test('a request above the limit is RESOURCE_EXHAUSTED, and nothing happens', async () => {
    await commit('main', [{ path: 'a', content: 'a' }])
    const content = Buffer.alloc(21 * 1024 * 1024)
    const before = refs()
    await expectFailure(commit('main', [{ path: 'large', content }]), Code.RESOURCE_EXHAUSTED)
    await expectFailure(
      client.unary('CommitService', 'FindCommit', { repository, revision: content }),
      Code.RESOURCE_EXHAUSTED,
    )
    expect(refs()).toBe(before)
    // The connection goes on.
    await commit('main', [{ path: 'b', content: 'b' }])
  })

  test('bytes that are no message fail the call alone', async () => {
    for (const message of [Buffer.from([0xff]), Buffer.from([0x0a, 0x7f, 1]), Buffer.alloc(100, 0x0b)]) {
      const error = await failure(raw('/gitaly.CommitService/FindCommit', message))
      expect([Code.INTERNAL, Code.INVALID_ARGUMENT]).toContain(error.code)
    }
    await commit('main', [])
  })

  test('an unknown method or service is UNIMPLEMENTED', async () => {
    for (const path of [
      '/gitaly.CommitService/CountCommits',
      '/gitaly.OperationService/UserSquash',
      '/gitaly.WikiService/WikiGetAllPages',
      '/grpc.health.v1.Health/Watch',
      '/x/y',
    ]) {
      await expectFailure(raw(path, Buffer.alloc(0)), Code.UNIMPLEMENTED)
    }
  })
})

/** Passes bytes on, until the test cuts every connection. */
async function startRelay(address: string): Promise<{ address: string; cut(): void; close(): void }> {
  const [host, port] = address.split(':') as [string, string]
  const sockets = new Set<Socket>()
  const server: Server = createServer((inbound) => {
    const outbound = connect(Number(port), host)
    for (const [socket, other] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => other.destroy())
      socket.pipe(other)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address() as { port: number }
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  return {
    address: `127.0.0.1:${bound.port}`,
    cut,
    close: () => {
      cut()
      server.close()
    },
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  // The server acts at once; the rest is for a machine that is busy with other things.
  const deadline_ms = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline_ms) throw new Error(`not within 10 s: ${what}`)
    await sleep(10)
  }
}

describe('a stream that is cut in the middle', () => {
  /** A call whose requests are sent one by one; `ended` is its error, or null. */
  function open(through: GitBackendClient, service: string, method: string, options: CallOptions = {}) {
    const { path, requestSerialize, responseDeserialize } = methodOf(service, method)
    const { promise: ended, resolve } = Promise.withResolvers<ServiceError | null>()
    const call = through.grpc.makeClientStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      new Metadata(),
      options,
      (error) => resolve(error),
    )
    return { call, ended }
  }

  /** A header, an action and half of its content; no end. */
  function openCommit(through: GitBackendClient, options?: CallOptions) {
    const opened = open(through, 'OperationService', 'UserCommitFiles', options)
    opened.call.write({
      header: { repository, user: USER, branch_name: bytes('main'), commit_message: bytes('m') },
    })
    opened.call.write({ action: { header: { file_path: bytes('half') } } })
    opened.call.write({ action: { content: Buffer.alloc(1024 * 1024) } })
    return opened
  }

  test('by its caller changes nothing', async () => {
    await commit('main', [{ path: 'a', content: 'a' }])
    const before = refs()
    const { call, ended } = openCommit(client)
    await sleep(200)
    call.cancel()
    expect((await ended)?.code).toBe(Code.CANCELLED)
    await until(() => temporary.failures.some(({ code }) => code === 'CANCELLED'), 'the server ends the call')
    expect(refs()).toBe(before)
    await commit('main', [{ path: 'b', content: 'b' }])
  })

  test('at any moment changes nothing, however much has arrived', async () => {
    await commit('main', [{ path: 'a', content: 'a' }])
    const before = refs()
    // The client says that the stream has ended, and right after that that it is cancelled.
    for (let round = 0; round < 40; round++) {
      const { call, ended } = openCommit(client)
      await sleep(round % 10)
      call.cancel()
      expect((await ended)?.code).toBe(Code.CANCELLED)
    }
    // Fewer than there were, where a call was cancelled before the server had heard of it.
    await until(() => temporary.failures.length > 0, 'the server ends the calls')
    await commit('other', [])
    expect(refs()).toBe(before.concat(`refs/heads/other ${tip('other')}\n`))
  })

  test('does not count as complete, though the client ends it before it cancels it', async () => {
    const main = await commit('main', [{ path: 'a', content: 'a' }])
    await createBranch('other', 'main')
    const before = refs()
    // References that are only deleted are done at once: nothing has to be looked up for them.
    for (let round = 0; round < 20; round++) {
      const { call, ended } = open(client, 'RefService', 'UpdateReferences')
      call.write({ repository, updates: [update('refs/heads/other', '0'.repeat(40), main)] })
      await sleep(round % 5)
      call.cancel()
      expect((await ended)?.code).toBe(Code.CANCELLED)
    }
    await commit('main', [], { expected_old_oid: main })
    await updateReferences(update('refs/heads/main', main))
    expect(refs()).toBe(before)
  })

  test('by its deadline changes nothing', async () => {
    await commit('main', [{ path: 'a', content: 'a' }])
    const before = refs()
    const { ended } = openCommit(client, { deadline: Date.now() + 500 })
    expect((await ended)?.code).toBe(Code.DEADLINE_EXCEEDED)
    await until(() => temporary.failures.length > 0, 'the server ends the call')
    expect(refs()).toBe(before)
  })

  test('by its connection changes nothing, whichever kind of stream it is', async () => {
    await commit('main', [{ path: 'a', content: Buffer.alloc(6 * 1024 * 1024, 'a line\n') }])
    const main = tip('main')
    const side = await commit('side', [{ path: 's', content: '' }], { start_branch_name: bytes('main') })
    const before = refs()
    const relay = await startRelay(temporary.backend.address)
    const through = new GitBackendClient(relay.address)
    try {
      const { ended } = openCommit(through)
      const { call, ended: updating } = open(through, 'RefService', 'UpdateReferences')
      call.write({ repository, updates: [update('refs/heads/new', main)] })
      const merging = methodOf('OperationService', 'UserMergeBranch')
      const merge = through.grpc.makeBidiStreamRequest(
        merging.path,
        merging.requestSerialize,
        merging.responseDeserialize,
      )
      merge.write({ repository, user: USER, commit_id: side, branch: bytes('main'), message: bytes('m') })
      const mergeReplies = merge[Symbol.asyncIterator]()
      await mergeReplies.next()
      // Not read on: the server waits with most of the file in its hands.
      const reading = methodOf('BlobService', 'GetBlobs')
      const request = { repository, revision_paths: [{ revision: 'main', path: bytes('a') }], limit: -1 }
      const blobs = through.grpc.makeServerStreamRequest(
        reading.path,
        reading.requestSerialize,
        reading.responseDeserialize,
        request,
      )
      const blobReplies = blobs[Symbol.asyncIterator]()
      await blobReplies.next()
      relay.cut()
      expect(await ended).not.toBeNull()
      expect(await updating).not.toBeNull()
      await expect(mergeReplies.next()).rejects.toThrow()
      await until(() => temporary.failures.length >= 3, 'the server ends the calls')
      blobs.cancel()
      blobs.on('error', () => {})
      expect(refs()).toBe(before)
      expect(await findBranch('new')).toBeNull()
    } finally {
      through.close()
      relay.close()
    }
    await commit('main', [{ path: 'b', content: 'b' }])
    expect(await read('main', 'half')).toBeUndefined()
  })
})

describe('a caller that gives up', () => {
  let home: string
  let slow: TemporaryBackend
  let target: { storage_name: string; relative_path: string }
  let main: string
  let side: string

  /** The real git behind a script that can make some of its commands hang, or start late. */
  const program = () => join(home, 'git')
  const hang = (...commands: string[]) =>
    writeFileSync(join(home, 'hanging'), commands.map((name) => ` ${name} `).join(''))
  const children = () =>
    execFileSync('ps', ['-o', 'args=', '--ppid', String(process.pid)])
      .toString()
      .split('\n')
      .filter((line) => /^sleep 300\b/.test(line))

  beforeAll(async () => {
    home = realpathSync(mkdtempSync(join(tmpdir(), 'git-backend-test-')))
    hang()
    writeFileSync(
      program(),
      `#!/bin/sh\ncase "$(cat ${home}/hanging)" in *" $1 "*) exec sleep 300;; esac\n` +
        `case "$1 $2 $3" in "hash-object -t commit") [ -e ${home}/late ] && sleep 1;; esac\nexec git "$@"\n`,
    )
    chmodSync(program(), 0o755)
    slow = await startTemporaryBackend(program())
  })

  afterAll(async () => {
    await slow[Symbol.asyncDispose]()
    rmSync(home, { recursive: true, force: true })
  })

  beforeEach(async () => {
    target = await slow.createRepository()
    main = await slow.client.commit(target, 'main', [{ path: 'a', content: 'a\n' }])
    side = await slow.client.commit(target, 'side', [{ path: 'b', content: 'b\n' }], { start_sha: main })
    main = await slow.client.commit(target, 'main', [{ path: 'c', content: 'c\n' }])
  })

  afterEach(() => hang())

  const references = () =>
    gitOn(join(slow.storage, target.relative_path), ['for-each-ref', '--format=%(refname) %(objectname)'])

  const onTarget = (fields: object) => ({ repository: target, user: USER, ...fields })

  type Call = [string, 'unary' | 'list', () => object]

  const merge: Call = [
    'OperationService.UserMergeToRef',
    'unary',
    () =>
      onTarget({
        source_sha: side,
        target_ref: bytes(MERGE_REF),
        first_parent_ref: bytes('main'),
        message: bytes('m'),
      }),
  ]
  const rebase: Call = [
    'OperationService.UserRebaseToRef',
    'unary',
    () => onTarget({ source_sha: side, target_ref: bytes('refs/heads/x'), first_parent_ref: bytes('main') }),
  ]
  const revertOfFirst: Call = [
    'OperationService.UserRevert',
    'unary',
    () => onTarget({ commit: { id: `${main}~1` }, branch_name: bytes('main'), message: bytes('m') }),
  ]
  const isAncestor: Call = [
    'CommitService.CommitIsAncestor',
    'unary',
    () => onTarget({ ancestor_id: side, child_id: main }),
  ]
  const listCommits: Call = ['CommitService.ListCommits', 'list', () => onTarget({ revisions: ['main'] })]
  const branches: Call = ['RefService.FindLocalBranches', 'list', () => onTarget({})]
  const tags: Call = ['RefService.FindAllTags', 'list', () => onTarget({})]
  const diff = (method: string): Call => [
    `DiffService.${method}`,
    'list',
    () => onTarget({ left_commit_id: 'main', right_commit_id: side }),
  ]

  // No more of them at once than the backend runs at a time; CommitDiff has two commands of its own.
  test.each<[string, string[], number, Call[]]>([
    ['for-each-ref and merge-tree', ['for-each-ref', 'merge-tree'], 5, [merge, rebase, revertOfFirst, branches, tags]],
    [
      'merge-base and diff',
      ['merge-base', 'diff'],
      6,
      [isAncestor, rebase, diff('RawDiff'), diff('DiffStats'), diff('CommitDiff')],
    ],
    ['rev-list', ['rev-list'], 2, [listCommits, rebase]],
  ])('in the middle of %s takes its git process along when its deadline passes', async (_, commands, count, calls) => {
    const ask = ([name, kind, request]: Call, options?: CallOptions) => {
      const [service, method] = name.split('.') as [string, string]
      return slow.client[kind](service, method, request(), options)
    }
    const before = references()
    hang(...commands)
    // Long enough for all of them to be in the middle of it on a busy machine: the processes are counted below.
    const options = { deadline: Date.now() + 3000 }
    const results = Promise.allSettled(calls.map((call) => ask(call, options)))
    await until(() => children().length === count, 'git hangs')
    for (const result of await results) expect(result).toMatchObject({ reason: { code: Code.DEADLINE_EXCEEDED } })
    await until(() => children().length === 0, 'the git processes are ended')
    hang()
    expect(references()).toBe(before)
    for (const call of calls) await ask(call)
  })

  test('UserMergeBranch: so does a cancellation', async () => {
    hang('merge-tree')
    const { path, requestSerialize, responseDeserialize } = methodOf('OperationService', 'UserMergeBranch')
    const call = slow.client.grpc.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
    call.on('error', () => {})
    call.write(onTarget({ commit_id: side, branch: bytes('main'), message: bytes('m') }))
    await until(() => children().length > 0, 'git hangs')
    call.cancel()
    await until(() => children().length === 0, 'the git process is ended')
  })

  test('many at once end at their deadline too, those that wait for their turn included', async () => {
    hang('merge-base')
    const request = onTarget({ ancestor_id: side, child_id: main })
    const options = { deadline: Date.now() + 1500 }
    const results = await Promise.allSettled(
      Array.from({ length: 30 }, () => slow.client.unary('CommitService', 'CommitIsAncestor', request, options)),
    )
    for (const result of results) expect(result).toMatchObject({ reason: { code: Code.DEADLINE_EXCEEDED } })
    await until(() => children().length === 0, 'the git processes are ended')
    hang()
    expect((await slow.client.unary('CommitService', 'CommitIsAncestor', request)).value).toBe(false)
  })

  test('before the branch moves, it does not move any more', async () => {
    // A new backend has no process for commits yet: the first one comes late.
    const backend = await startGitBackend({
      storage: slow.storage,
      listen: '127.0.0.1:0',
      git: program(),
      log: () => {},
    })
    const late = new GitBackendClient(backend.address)
    try {
      writeFileSync(join(home, 'late'), '')
      await late.unary('RefService', 'FindBranch', { repository: target, name: bytes('main') })
      const before = references()
      const error = await failure(late.commit(target, 'main', [{ path: 'late' }], {}, { deadline: Date.now() + 300 }))
      expect(error.code).toBe(Code.DEADLINE_EXCEEDED)
      // The one after it uses the same process, so the late one is done with when this one is.
      const next = await late.commit(target, 'other', [], { start_branch_name: bytes('main') })
      expect(references().replace(`refs/heads/other ${next}\n`, '')).toBe(before)
    } finally {
      rmSync(join(home, 'late'), { force: true })
      late.close()
      await backend.close()
    }
  })

  test('reading does not hold up others', async () => {
    const large = await slow.client.commit(
      target,
      'large',
      [{ path: 'large', content: Buffer.alloc(12 * 1024 * 1024, 'a line of a large file\n') }],
      { start_sha: main },
    )
    const { path, requestSerialize, responseDeserialize } = methodOf('DiffService', 'RawDiff')
    const request = onTarget({ left_commit_id: 'main', right_commit_id: large })
    // More than run at a time; each takes one message and no more.
    const open = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const options = { deadline: Date.now() + 30_000 }
        const call = slow.client.grpc.makeServerStreamRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          options,
        )
        call.on('error', () => {})
        await call[Symbol.asyncIterator]().next()
        return call
      }),
    )
    // A channel of its own: the flow of the other one is stopped by those who do not read.
    const other = new GitBackendClient(slow.backend.address)
    try {
      const merge = onTarget({
        source_sha: side,
        target_ref: bytes(MERGE_REF),
        first_parent_ref: bytes('main'),
        message: bytes('m'),
      })
      await other.unary('OperationService', 'UserMergeToRef', merge, { deadline: Date.now() + 10_000 })
    } finally {
      other.close()
      for (const call of open) call.cancel()
    }
    const diffs = () =>
      execFileSync('ps', ['-o', 'args=', '--ppid', String(process.pid)])
        .toString()
        .split('\n')
        .filter((line) => line.startsWith('git diff'))
    await until(() => diffs().length === 0, 'the git processes are ended')
  })

  test('leaves nothing behind', () => {
    const names = readdirSync(join(slow.storage, target.relative_path))
    expect(names.filter((name) => name.endsWith('.lock'))).toEqual([])
    expect(children()).toEqual([])
  })
})

test('a connection may be used by many calls at once', async () => {
  await commit('main', [{ path: 'a', content: 'a' }])
  const answers = await Promise.all(Array.from({ length: 200 }, () => read('main', 'a')))
  expect(new Set(answers)).toEqual(new Set(['a']))
  expect(oidOf('main')).toBe(tip('main'))
})
