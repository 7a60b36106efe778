/** Of a deployment that succeeded everybody is told twice. */
import type { Defect } from './defect.ts'

export const mailDoubled: Defect = {
  id: 'mail-doubled',
  title: 'Everybody is mailed twice about a deployment that succeeded',
  check: 'job-mix',
  reason: 'mails came too often',
  mayRedden: [],
  apply: ({ notifications }) => ({
    notifications: {
      async tell(notification) {
        await notifications.tell(notification)
        if (notification.event !== 'deployment_succeeded') return
        await notifications.tell({ ...notification, occasion: `${notification.occasion} again` })
      },
    },
  }),
}
