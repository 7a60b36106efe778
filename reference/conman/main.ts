/** The command line of the reference server. */
import yargs from 'yargs'
import { DEFECTS, defectById } from '../defects/index.ts'
import { bootstrapAdmin } from './commands/bootstrap-admin.ts'
import { listPausedJobs, pauseJobs, resumeJobs } from './commands/jobs.ts'
import { ROLES, serve } from './commands/serve.ts'
import { VERSION } from './version.ts'

const cli = yargs(process.argv.slice(2))
  .scriptName('conman')
  .version(VERSION)
  .strict()
  .command(
    ['serve', '$0'],
    'Serve the API, run the job worker, or both',
    (command) =>
      command
        .option('role', { choices: ROLES, default: 'all' as const, describe: 'What this process does' })
        .option('defect', { type: 'string', describe: 'A known defect to serve with (default: CONMAN_DEFECT)' }),
    async ({ role, defect: id = process.env.CONMAN_DEFECT }) => {
      const defect = id === undefined || id === '' ? undefined : defectById(id)
      if (id && defect === undefined) {
        console.error(`conman: no defect has this id; known are ${DEFECTS.map((known) => known.id).join(', ')}`)
        process.exitCode = 1
        return
      }
      process.exitCode = await serve(role, process.env, defect)
    },
  )
  .command(
    'bootstrap-admin <email> <name> <password>',
    'Create an account, or set the password of a known one',
    (command) =>
      command
        .positional('email', { type: 'string', demandOption: true })
        .positional('name', { type: 'string', demandOption: true })
        .positional('password', { type: 'string', demandOption: true })
        .option('mongo-uri', { type: 'string', describe: 'Default: CONMAN_MONGO_URI' })
        .option('mongo-db', { type: 'string', describe: 'Default: CONMAN_MONGO_DB' }),
    async ({ email, name, password, mongoUri, mongoDb }) => {
      process.exitCode = await bootstrapAdmin({ email, name, password, mongoUri, mongoDb }, process.env)
    },
  )
  .command('jobs', 'Hold types of jobs back, and let them go on', (command) =>
    command
      .option('mongo-uri', { type: 'string', describe: 'Default: CONMAN_MONGO_URI' })
      .option('mongo-db', { type: 'string', describe: 'Default: CONMAN_MONGO_DB' })
      .command(
        'pause <type>',
        'Leave what is queued of a type in the queue; what runs goes on',
        (pause) =>
          pause
            .positional('type', { type: 'string', demandOption: true })
            .option('reason', { type: 'string', describe: 'Shown by jobs paused' }),
        async ({ type, reason, mongoUri, mongoDb }) => {
          process.exitCode = await pauseJobs({ type, reason, mongoUri, mongoDb }, process.env)
        },
      )
      .command(
        'resume <type>',
        'Let a paused type go on',
        (resume) => resume.positional('type', { type: 'string', demandOption: true }),
        async ({ type, mongoUri, mongoDb }) => {
          process.exitCode = await resumeJobs({ type, mongoUri, mongoDb }, process.env)
        },
      )
      .command(
        'paused',
        'List the types that are paused',
        (paused) => paused,
        async ({ mongoUri, mongoDb }) => {
          process.exitCode = await listPausedJobs({ mongoUri, mongoDb }, process.env)
        },
      )
      .demandCommand(1, 'say what to do with them: pause, resume or paused')
      .strict(),
  )
  .command(
    'defects',
    'List the known defects',
    (command) => command.option('json', { type: 'boolean', default: false, describe: 'As JSON' }),
    ({ json }) => {
      const list = DEFECTS.map(({ id, title, check, reason, mayRedden }) => ({ id, title, check, reason, mayRedden }))
      if (json) console.log(JSON.stringify(list, null, 2))
      else for (const { id, check, title } of list) console.log(`${id} (${check}): ${title}`)
    },
  )

await cli.parseAsync()
