import { ObjectId } from 'mongodb'
import { describe, expect, test } from 'vitest'
import { branchOf, drawName, isBranchOf, isDatabaseName, namesOf, profileNameOf } from './names.ts'

const app = new ObjectId('66f0a1b2c3d4e5f6a7b8c9d0')

describe('the names of a temporary environment', () => {
  test('have the forms that the real server gives them', () => {
    expect(namesOf(app, 'workspace', 'atlas-nova-4bc6', 'config.example.test')).toEqual({
      url: '66f0a1b2-ws-atlas-nova-4bc6.config.example.test',
      db_name: 'tmp_66f0a1b2c3d4e5f6a7b8c9d0_atlas-nova-4bc6',
    })
    expect(namesOf(app, 'changeset', 'a-b-0000', 'x').url).toBe('66f0a1b2-cs-a-b-0000.x')
    expect(profileNameOf(namesOf(app, 'workspace', 'atlas-nova-4bc6', 'x'))).toBe('temp-atlas-nova-4bc6')
  })

  test('are drawn from all words and digits, and fit into the name of a database', () => {
    const lowest = drawName(() => 0)
    const highest = drawName((below) => below - 1)
    expect([lowest, highest]).toEqual(['amber-acorn-0000', 'velvet-wren-ffff'])
    const drawn = Array.from({ length: 2_000 }, () => drawName())
    expect(new Set(drawn).size).toBeGreaterThan(1_990)
    for (const name of drawn) {
      const { db_name } = namesOf(app, 'workspace', name, 'x')
      expect(db_name.length).toBeLessThan(64)
      expect(isDatabaseName(app, db_name)).toBe(true)
    }
  })

  test.each([
    'conman',
    'admin',
    '',
    'tmp_66f0a1b2c3d4e5f6a7b8c9d0_',
    'tmp_66f0a1b2c3d4e5f6a7b8c9d1_atlas-nova-4bc6',
    'tmp_66f0a1b2c3d4e5f6a7b8c9d0_atlas-nova-4bc6x',
    'xtmp_66f0a1b2c3d4e5f6a7b8c9d0_atlas-nova-4bc6',
    'tmp_66f0a1b2c3d4e5f6a7b8c9d0_atlas-nova-4bc6\n',
  ])('nothing else is taken for a database of the app: %j', (name) => expect(isDatabaseName(app, name)).toBe(false))

  test('a branch lies below the environment itself', () => {
    const id = new ObjectId('66f0a1b2c3d4e5f6a7b8c9d1')
    expect(branchOf(id, 'feature/x')).toBe('temp/66f0a1b2c3d4e5f6a7b8c9d1/feature/x')
    expect(isBranchOf(id, branchOf(id, 'feature/x'))).toBe(true)
    for (const branch of ['main', 'temp/66f0a1b2c3d4e5f6a7b8c9d0/main', '']) expect(isBranchOf(id, branch)).toBe(false)
  })
})
