import { Metadata, status } from '@grpc/grpc-js'
import { MongoServerError, MongoServerSelectionError } from 'mongodb'
import { describe, expect, test } from 'vitest'
import { GitError, GitTimeout } from '../git/call.ts'
import { toApiError } from './error-handler.ts'
import { conflict, ERROR_STATUS, errorBody, rateLimited } from './errors.ts'

const git = (code: number) => new GitError('FindBranch', code, 'fatal: /srv/git/secret.git', new Metadata())

describe('errors', () => {
  test.each([
    [status.NOT_FOUND, 404, 'not_found'],
    [status.ALREADY_EXISTS, 409, 'conflict'],
    [status.FAILED_PRECONDITION, 409, 'conflict'],
    [status.INVALID_ARGUMENT, 400, 'validation_error'],
    [status.PERMISSION_DENIED, 403, 'forbidden'],
    [status.UNAVAILABLE, 502, 'git_error'],
    [status.DEADLINE_EXCEEDED, 502, 'git_error'],
    [status.INTERNAL, 502, 'git_error'],
  ])('the git status %i answers %i %s, without the text of the backend', (code, http, expected) => {
    const error = toApiError(git(code))
    expect([error.status, error.code]).toEqual([http, expected])
    expect(error.message).not.toContain('/srv')
  })

  test('a request whose git time is over answers 504', () => {
    expect(toApiError(new GitTimeout('over')).status).toBe(504)
  })

  test('a database that is away answers 503, a broken statement 500, both without driver text', () => {
    const away = toApiError(new MongoServerSelectionError('connect 10.0.0.1', {} as never))
    const broken = toApiError(new MongoServerError({ message: 'index users_email_unique', code: 2 }))
    expect([away.status, broken.status]).toEqual([503, 500])
    expect(`${away.message} ${broken.message}`).not.toMatch(/10\.0|users_email/)
  })

  test('anything unexpected answers 500 and tells nothing', () => {
    expect(toApiError(new Error('secret detail'))).toMatchObject({
      code: 'internal',
      message: 'internal: unexpected error',
    })
  })

  test('the envelope has code, message and the id of the request', () => {
    expect(errorBody(conflict('taken'), 'r1')).toEqual({
      error: { code: 'conflict', message: 'conflict: taken', request_id: 'r1' },
    })
    expect(rateLimited(0.2).headers).toEqual({ 'retry-after': '1' })
    expect(ERROR_STATUS.internal).toBe(500)
  })
})
