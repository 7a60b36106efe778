import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { strikes } from './defect.ts'
import { DEFECTS, defectById } from './index.ts'

test('every file is a listed defect under its own name', () => {
  const files = readdirSync(import.meta.dirname).filter((name) => !/^(index|defect|defects\.test)\.ts$/.test(name))
  const named = new Set(DEFECTS.map(({ id, family }) => `${family ?? id}.ts`))
  expect([...named].sort()).toEqual(files.sort())
  expect(new Set(DEFECTS.map(({ id }) => id)).size).toBe(DEFECTS.length)
  for (const defect of DEFECTS) expect(defectById(defect.id)).toBe(defect)
})

test('a defect strikes the same share of paths every time', () => {
  const paths = Array.from({ length: 4000 }, (_, index) => `load/u${index % 50}/f${index}.yaml`)
  const struck = paths.filter((path) => strikes(path, 40))
  expect(struck.length).toBeGreaterThan(60)
  expect(struck.length).toBeLessThan(140)
  expect(paths.filter((path) => strikes(path, 40))).toEqual(struck)
})
