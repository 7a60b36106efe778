// Walks through the product while every member of the replica set logs what it is asked to do. Touches the world, judges
// nothing. DC1 to DC5 and GL-R5 share what it brings home.

import type { Gatherer } from '../../harness/check.ts'
import type { Run } from '../../harness/run.ts'
import { unwatchable, watchCommands } from '../lib/command-log.ts'
import { openDatabase } from '../lib/members.ts'
import { startWalk } from '../lib/walk.ts'
import { type DatabaseUse, DatabaseUseSchema } from './evidence.ts'

export const databaseUse: Gatherer<DatabaseUse> = {
  id: 'DC',
  title: 'a walk through the product while every member of the database logs its commands',
  schema: DatabaseUseSchema,
  needs: ['http', 'repositories', 'mongo'],
  effect: 'writes',
  leaves: 'an app with four members, a released change and its deployment',
  expected_s: () => 20,
  gather,
}

async function gather(run: Run): Promise<DatabaseUse> {
  const because = unwatchable(run)
  if (because !== undefined) return { schema: 'readiness-database-use/1', watched: null, because }
  await using database = await openDatabase(run.target)
  const { config } = await database.client.db('admin').command({ replSetGetConfig: 1 })
  const walk = await startWalk(run)
  const watch = await watchCommands(run, database)
  await walk.askHealth()
  await walk.changeThings()
  await walk.askHealth()
  await walk.readLists()
  await walk.readDetails()
  await walk.askHealth()
  const { commands, members } = await watch.end()
  run.progress.say(`watched ${commands.length} commands of a walk of ${walk.steps.length} steps`)
  return {
    schema: 'readiness-database-use/1',
    watched: {
      members,
      unreachable: [...database.unreachable],
      majority_waits_for_journal: config.writeConcernMajorityJournalDefault !== false,
      steps: [...walk.steps],
      commands: commands.map(({ seen }) => seen),
    },
    because: null,
  }
}
