// The saved runs that the report's tests draw.

import { readFileSync } from 'node:fs'
import type { ReportInput } from './render.ts'

export type Fixture = 'all-pass' | 'failures'

/** A fresh copy each time: tests bend them. */
export function fixture(name: Fixture): ReportInput {
  return JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8')) as ReportInput
}

/** Printed by every golden that differs. */
export const RENEW = 'renew after a look at the difference: npx vitest run reports -u'
