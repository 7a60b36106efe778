import { Metadata, status } from '@grpc/grpc-js'
import { MongoServerError, MongoServerSelectionError } from 'mongodb'
import { describe, expect, test } from 'vitest'
import { GitError, GitTimeout } from '../git/call.ts'
import { conflict } from '../http/errors.ts'
import { CommandFailure } from './command.ts'
import { FinalJobError } from './handler.ts'
import { problemOf } from './problem.ts'

describe('what members read of a job that failed', () => {
  test.each([
    [new CommandFailure('command `x` failed', 1, ''), 'command `x` failed'],
    [new FinalJobError('the changeset conflicts'), 'the changeset conflicts'],
    [new Error('the source has no commit'), 'the source has no commit'],
    [conflict('taken'), 'conflict: taken'],
  ])('is what was meant for them (%s)', (error, told) => {
    expect(problemOf(error)).toBe(told)
  })

  test.each([
    new GitError('UserMergeToRef', status.INTERNAL, 'fatal: /srv/git/secret.git', new Metadata()),
    new GitTimeout('UserMergeToRef: no time left at secret'),
    new MongoServerSelectionError('connect ECONNREFUSED secret:27017', {} as never),
    new MongoServerError({ message: 'E11000 duplicate key: secret', code: 11_000 }),
    new TypeError("Cannot read properties of undefined (reading 'secret')"),
    'secret',
  ])('is nothing of backends, drivers and mistakes (%#)', (error) => {
    expect(problemOf(error)).not.toContain('secret')
    expect(problemOf(error)).not.toBe('')
  })
})
