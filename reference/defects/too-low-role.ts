/** Routes that ask for too low a role: the check is there, and one role off. */
import type { Role } from '../conman/roles.ts'
import type { Defect } from './defect.ts'

const RELEASE = '/api/apps/:appId/releases/:releaseId'

function tooLow(
  defect: Pick<Defect, 'id' | 'title' | 'check' | 'reason' | 'mayRedden'>,
  method: string,
  route: string,
  lowest: Role,
): Defect {
  return {
    ...defect,
    family: 'too-low-role',
    apply: ({ access }) => ({
      access: {
        demand: (principal, asked, { method: by, route: at, params }) =>
          access.demand(principal, by === method && at === route ? lowest : asked, { method: by, route: at, params }),
      },
    }),
  }
}

export const tooLowRoles: readonly Defect[] = [
  tooLow(
    {
      id: 'users-approve',
      title: 'Reviewing asks for the role user',
      check: 'S9',
      reason: 'was let in',
      mayRedden: ['GL-S10', 'S16'],
    },
    'POST',
    '/api/apps/:appId/changesets/:changesetId/review',
    'user',
  ),
  tooLow(
    {
      id: 'users-assemble',
      title: 'Assembling asks for the role user',
      check: 'S10',
      reason: 'was let in',
      mayRedden: ['S12', 'S16', 'GL-S10'],
    },
    'POST',
    `${RELEASE}/assemble`,
    'user',
  ),
  tooLow(
    {
      id: 'users-deploy',
      title: 'Deploying asks for the role user',
      check: 'S11',
      reason: 'was let in',
      mayRedden: ['S16', 'GL-S10'],
    },
    'POST',
    '/api/apps/:appId/environments/:envId/deploy',
    'user',
  ),
  tooLow(
    {
      id: 'reviewers-assemble',
      title: 'Assembling asks for the role reviewer',
      check: 'S12',
      reason: 'a reviewer was let in',
      mayRedden: ['S10', 'GL-S10'],
    },
    'POST',
    `${RELEASE}/assemble`,
    'reviewer',
  ),
  tooLow(
    {
      id: 'reviewers-change-settings',
      title: 'Changing settings asks for the role reviewer',
      check: 'S13',
      reason: 'a reviewer was let in',
      mayRedden: ['GL-S10'],
    },
    'PATCH',
    '/api/apps/:appId/settings',
    'reviewer',
  ),
]
