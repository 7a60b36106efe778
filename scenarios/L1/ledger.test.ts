import { describe, expect, test } from 'vitest'
import { reconcileCommits, reconcileFiles } from './ledger.ts'

type Edit = Parameters<typeof reconcileFiles>[0][number]

const edit = (key: string, change: Partial<Edit> = {}): Edit => ({
  key,
  user: 1,
  path: 'a.json',
  sha256: `sha of ${key}`,
  started_ms: 0,
  duration_ms: 10,
  status: 200,
  commit: `commit of ${key}`,
  error: '',
  ...change,
})
const file = (sha256: string | null, status = 200) => [{ user: 1, path: 'a.json', status, sha256 }]

describe('files', () => {
  test('the content of the one acknowledged edit is there', () => {
    expect(reconcileFiles([edit('e1')], file('sha of e1'))).toEqual({ files: 1, lost: [], altered: [], unread: [] })
  })

  test('a missing file and an older content are losses', () => {
    expect(reconcileFiles([edit('e1')], file(null, 404)).lost).toHaveLength(1)
    const edits = [edit('e1'), edit('e2', { started_ms: 100 })]
    expect(reconcileFiles(edits, file('sha of e1')).lost[0]!.what).toContain('still holds edit e1')
  })

  test('bytes that nobody sent are an alteration', () => {
    expect(reconcileFiles([edit('e1')], file('sha of a stranger')).altered).toHaveLength(1)
  })

  test('an edit without an answer may have won: its content is no loss', () => {
    const edits = [edit('e1'), edit('e2', { started_ms: 100, commit: null, status: 0 })]
    expect(reconcileFiles(edits, file('sha of e2'))).toMatchObject({ lost: [], altered: [] })
    expect(reconcileFiles(edits, file('sha of e1'))).toMatchObject({ lost: [], altered: [] })
  })

  test('of two overlapping edits either may be the last', () => {
    const edits = [edit('e1', { duration_ms: 200 }), edit('e2', { started_ms: 100 })]
    for (const winner of ['e1', 'e2']) expect(reconcileFiles(edits, file(`sha of ${winner}`)).lost).toEqual([])
  })

  test('an edit that was held or sent again ended when its answer came, not a duration after its beginning', () => {
    const edits = [edit('e1', { ended_ms: 1_100 }), edit('e2', { started_ms: 900, duration_ms: 100 })]
    expect(reconcileFiles(edits, file('sha of e1')).lost).toEqual([])
    const later = [edit('e1', { ended_ms: 1_100 }), edit('e2', { started_ms: 1_200 })]
    expect(reconcileFiles(later, file('sha of e1')).lost).toHaveLength(1)
  })

  test('what could not be read says nothing: neither lost nor there', () => {
    const result = reconcileFiles([edit('e1')], file(null, 500))
    expect(result).toMatchObject({ lost: [], altered: [] })
    expect(result.unread).toHaveLength(1)
    expect(reconcileFiles([edit('e1')], []).unread).toHaveLength(1)
  })

  test('a path that no acknowledged edit wrote promises nothing', () => {
    expect(reconcileFiles([edit('e1', { commit: null, status: 500 })], []).files).toBe(0)
  })
})

describe('commits', () => {
  const commit = (key: string, name = `commit of ${key}`) => ({ key, commit: name })

  test('one commit for each acknowledged edit, by the name that was acknowledged', () => {
    expect(reconcileCommits([edit('e1')], [commit('e1')])).toEqual({
      lost: [],
      doubled: [],
      invented: [],
      misnamed: [],
    })
  })

  test('none, two, a stranger, another name', () => {
    expect(reconcileCommits([edit('e1')], []).lost).toHaveLength(1)
    expect(reconcileCommits([edit('e1')], [commit('e1'), commit('e1', 'again')]).doubled).toHaveLength(1)
    expect(reconcileCommits([edit('e1')], [commit('e1'), commit('e9')]).invented).toEqual(['e9'])
    expect(reconcileCommits([edit('e1')], [commit('e1', 'other')]).misnamed).toHaveLength(1)
  })

  test('an edit without an answer may have been committed, once', () => {
    const unknown = edit('e1', { commit: null, status: 0 })
    expect(reconcileCommits([unknown], [commit('e1')])).toEqual({ lost: [], doubled: [], invented: [], misnamed: [] })
    expect(reconcileCommits([unknown], [commit('e1'), commit('e1', 'again')]).doubled).toHaveLength(1)
  })
})
