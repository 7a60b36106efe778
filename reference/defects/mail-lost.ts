/** One time in five, the last of those who are to be mailed is forgotten. */
import type { Defect } from './defect.ts'

const ONE_IN = 5

export const mailLost: Defect = {
  id: 'mail-lost',
  title: 'Some people are not mailed about what concerns them',
  check: 'api-mix',
  reason: 'mails were not sent',
  mayRedden: ['job-mix'],
  apply({ outbox }) {
    let told = 0
    return {
      outbox: {
        ...outbox,
        async enqueue(mails) {
          told += 1
          await outbox.enqueue(told % ONE_IN === 0 ? mails.slice(0, -1) : mails)
        },
      },
    }
  },
}
