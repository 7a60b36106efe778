// What is remembered of jobs that were looked at: when they came, when they were over, and that they went.

import { expect, test } from 'vitest'
import { JobBook, type JobRow } from './job-book.ts'

const row = (id: string, entity_id: string, state = 'queued'): JobRow => ({
  id,
  entity_id,
  state,
  created_at_ms: null,
  started_at_ms: null,
  finished_at_ms: null,
  error: null,
  verdict: null,
})

function bookOf(...entityIds: string[]) {
  const book = new JobBook({ entityIds, older: ['old'], at_ms: 0 })
  return {
    book,
    look: (at_ms: number, ...rows: JobRow[]) => book.record(rows, { began_at_ms: at_ms, ended_at_ms: at_ms + 5 }),
    one: (id: string) => book.jobs().find((job) => job.id === id),
  }
}

test('a job came between the last look without it and the first one with it, and was over by the first one that says so', () => {
  const { book, look, one } = bookOf('a')
  look(100)
  look(200, row('1', 'a'))
  look(300, row('1', 'a', 'running'))
  expect(book.isUnderWay()).toBe(true)
  look(400, row('1', 'a', 'succeeded'))
  look(500, row('1', 'a', 'succeeded'))
  expect(one('1')).toMatchObject({ unseen_at_ms: 100, seen_at_ms: 205, over_at_ms: 405, gone: false })
  expect(book).toMatchObject({ changed_at_ms: 405, looks: 5 })
  expect(book.isDrained()).toBe(true)
})

test('one that is tried again is not over', () => {
  const { book, look, one } = bookOf('a')
  look(100, row('1', 'a', 'failed'))
  look(200, row('1', 'a', 'queued'))
  expect(one('1')).toMatchObject({ unseen_at_ms: null, over_at_ms: null })
  expect(book.isDrained()).toBe(false)
})

test('one that went is gone, and holds nothing up', () => {
  const { book, look, one } = bookOf('a', 'b')
  look(100, row('1', 'a'), row('2', 'b', 'succeeded'))
  look(200, row('2', 'b', 'succeeded'))
  expect(one('1')?.gone).toBe(true)
  expect(book.isUnderWay()).toBe(false)
  expect(book.isDrained()).toBe(false)
  look(300, row('1', 'a', 'succeeded'), row('2', 'b', 'succeeded'))
  expect(one('1')).toMatchObject({ gone: false, seen_at_ms: 105 })
  expect(book.isDrained()).toBe(true)
})

test('what was there before, and what is about something else, is none of it', () => {
  const { book, look } = bookOf('a')
  look(100, row('old', 'a', 'succeeded'), row('3', 'c'))
  expect(book.jobs()).toEqual([])
  expect(book.isDrained()).toBe(false)
})
