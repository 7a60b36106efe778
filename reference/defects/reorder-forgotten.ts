/** A new order of the queue is acknowledged, and not written. */
import type { Defect } from './defect.ts'

export const reorderForgotten: Defect = {
  id: 'reorder-forgotten',
  title: 'A new order of the queue is acknowledged and forgotten',
  check: 'scale.bulk-queue',
  reason: 'does not stand in the order that was acknowledged last',
  mayRedden: [],
  apply({ queue }) {
    return { queue: { ...queue, reorder: async (_caller, _app, order) => order.length } }
  },
}
