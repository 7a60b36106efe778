// The bundled Conman on a stack of its own: the program that is there by default, and the only one that defects are seeded
// into.

import { fileURLToPath } from 'node:url'
import { ALL_CAPABILITIES } from '../capabilities.ts'
import type { Opening } from './open.ts'
import type { ReferenceOptions } from './options.ts'
import { openOwnStack, UNREACHABLE_ON_OWN_STACK, UNTHROTTLED } from './own-stack.ts'
import type { Prospect } from './prospect.ts'
import type { Target } from './target.ts'

const SOURCE = fileURLToPath(new URL('../../reference/', import.meta.url))

export async function openReference({ defect, workers }: ReferenceOptions, opening: Opening): Promise<Target> {
  return await openOwnStack(
    {
      kind: 'reference',
      address: addressWith(defect),
      env: { ...UNTHROTTLED, ...(defect === undefined ? {} : { CONMAN_DEFECT: defect }) },
      ...(workers === undefined ? {} : { workers }),
      source: SOURCE,
    },
    opening,
  )
}

/** What it will offer, without starting it. */
export function lookAtReference({ defect }: ReferenceOptions): Prospect {
  return {
    kind: 'reference',
    address: addressWith(defect),
    capabilities: new Set(ALL_CAPABILITIES.filter((one) => !UNREACHABLE_ON_OWN_STACK.has(one))),
    unreachable: UNREACHABLE_ON_OWN_STACK,
    processes: 'split',
    allowed: 'disrupts',
    loadBounds: undefined,
  }
}

function addressWith(defect: string | undefined): string {
  return defect === undefined
    ? 'the bundled Conman on its own stack'
    : `the bundled Conman with the known defect ${defect}`
}
