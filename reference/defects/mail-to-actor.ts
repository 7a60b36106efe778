/** Who did something is told of it like everybody else. */
import type { Defect } from './defect.ts'

export const mailToActor: Defect = {
  id: 'mail-to-actor',
  title: 'Mails also go to who did what they are about',
  check: 'api-mix',
  reason: 'mails went to who did it',
  mayRedden: ['job-mix'],
  apply: ({ notifications }) => ({
    notifications: { tell: (notification) => notifications.tell({ ...notification, actor: null }) },
  }),
}
